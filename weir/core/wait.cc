#include "weir/core/wait.h"

#include "weir/core/internal/fork_point.h"
#include "weir/core/internal/processor.h"
#include "weir/core/internal/scheduler.h"
#include "weir/core/runtime.h"

namespace weir::core {

// The timer goes to the wheel of the processor this runs on now; after
// resumption, on whichever processor, it is cancelled there.
void Wait::start_timer(internal::Processor& processor) {
  timed_ = true;
  processor_ = static_cast<std::uint8_t>(processor.index());
  processor.timers().start(*this, TimePoint(Duration(at_)));
}

bool Wait::suspend(TaskHandle task) {
  internal::Processor& processor = internal::Processor::current();
  processor.forks().settle();
  since_ = internal::coarse(processor.time_of_step());
  if (TimePoint(Duration(at_)) != kNever) start_timer(processor);
  if (!context_->enroll(*this)) wake(Wake::cancelled);
  return commit(task, processor.runtime_number());
}

bool Wait::suspend_locked(TaskHandle task, internal::Processor& processor) {
  since_ = internal::coarse(processor.time_of_step());
  park(task, processor.runtime_number());
  if (TimePoint(Duration(at_)) != kNever) [[unlikely]]
    start_timer(processor);
  if (context_->enroll(*this)) [[likely]]
    return true;
  return !unpark(Wake::cancelled);
}

Wake Wait::finish() {
  if (timed_) [[unlikely]]
    Runtime::numbered(runtime_).scheduler().seat(processor_).timers.cancel(*this);
  context_->withdraw(*this);
  return outcome();
}

Error Wait::error(Wake outcome, std::string_view where) {
  if (outcome == Wake::cancelled) return {.kind = ErrorKind::cancelled, .where = where};
  return {.kind = ErrorKind::deadline, .reason = Reason::timed_out, .where = where};
}

}  // namespace weir::core

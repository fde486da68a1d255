#include "weir/core/wait.h"

#include <algorithm>

#include "weir/core/internal/fork_point.h"
#include "weir/core/internal/processor.h"
#include "weir/core/internal/scheduler.h"
#include "weir/core/runtime.h"

namespace weir::core {

Wait::Wait(Context& context, WaitReason reason, TimePoint deadline) : Parking(reason) {
  context_ = &context;
  context_first_ = context.deadline() < deadline;
  at_ = std::min(deadline, context.deadline()).time_since_epoch().count();
}

bool Wait::suspend(TaskHandle task) {
  // The timer goes to the wheel of the processor this runs on now; after
  // resumption, on whichever processor, it is cancelled there.
  internal::Processor& processor = internal::Processor::current();
  processor.forks().settle();
  since_ = internal::coarse(processor.time_of_step());
  if (const TimePoint deadline{Duration(at_)}; deadline != kNever) {
    timed_ = true;
    processor_ = static_cast<std::uint8_t>(processor.index());
    processor.timers().start(*this, deadline);
  }
  if (!context_->enroll(*this)) wake(Wake::cancelled);
  return commit(task);
}

Wake Wait::finish() {
  if (timed_) Runtime::numbered(runtime_).scheduler().seat(processor_).timers.cancel(*this);
  context_->withdraw(*this);
  return outcome();
}

Error Wait::error(Wake outcome, std::string_view where) {
  if (outcome == Wake::cancelled) return {.kind = ErrorKind::cancelled, .where = where};
  return {.kind = ErrorKind::deadline, .reason = Reason::timed_out, .where = where};
}

}  // namespace weir::core

#include "weir/core/wait.h"

#include <algorithm>

#include "weir/core/internal/processor.h"

namespace weir::core {

Wait::Wait(Context& context, TimePoint deadline)
    : context_(context), deadline_(std::min(deadline, context.deadline())) {}

bool Wait::suspend(std::coroutine_handle<> handle) {
  // The timer goes to the wheel of the processor this runs on now; after
  // resumption, on whichever processor, it is cancelled there.
  if (deadline_ != kNever) internal::Processor::current().timers().start(timer_, deadline_);
  if (!context_.enroll(cancel_)) parking_.wake(Wake::cancelled);
  return parking_.commit(handle);
}

Wake Wait::finish() {
  timer_.cancel();
  context_.withdraw(cancel_);
  return parking_.outcome();
}

Error Wait::error(Wake outcome, std::string_view where) const {
  if (outcome == Wake::cancelled) return {.kind = ErrorKind::cancelled, .where = where};
  return {.kind = ErrorKind::deadline, .reason = Reason::timed_out, .where = where};
}

}  // namespace weir::core

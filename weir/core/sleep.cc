#include "weir/core/sleep.h"

#include "weir/core/internal/processor.h"
#include "weir/core/now.h"

namespace weir::core {

Result<> Sleep::await_resume() {
  const Wake outcome = wait_.finish();
  if (outcome == Wake::deadline && !context_ends_first_) return {};
  return std::unexpected(wait_.error(outcome, "sleep"));
}

Sleep sleep_until(Context& context, TimePoint until) { return {context, until}; }

Sleep sleep_for(Context& context, Duration duration) { return {context, saturating_add(now(), duration)}; }

void Yield::await_suspend(std::coroutine_handle<> handle) {
  runnable_.handle = handle;
  internal::Processor::current().yield(runnable_);
}

}  // namespace weir::core

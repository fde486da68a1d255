#include "weir/core/sleep.h"

#include "weir/core/internal/fork_point.h"
#include "weir/core/internal/processor.h"
#include "weir/core/now.h"

namespace weir::core {

Result<> Sleep::await_resume() {
  const Wake outcome = wait_.finish();
  if (outcome == Wake::deadline && !wait_.context_ends_first()) return {};
  return std::unexpected(wait_.error(outcome, "sleep"));
}

Sleep sleep_until(Context& context, TimePoint until) { return {context, until}; }

Sleep sleep_for(Context& context, Duration duration) { return {context, saturating_add(now(), duration)}; }

void Yield::await_suspend(TaskHandle task) {
  internal::Processor& processor = internal::Processor::current();
  processor.forks().settle();
  processor.yield(task.runnable());
}

}  // namespace weir::core

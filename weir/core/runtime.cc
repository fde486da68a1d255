#include "weir/core/runtime.h"

#include "weir/base/check.h"
#include "weir/core/internal/cpus.h"
#include "weir/core/internal/scheduler.h"

namespace weir::core {
namespace {

constexpr unsigned kProcessorsMax = 256;

}  // namespace

Runtime::Runtime(Options options) {
  const unsigned wanted = options.processors == 0 ? internal::usable_cpus() : options.processors;
  scheduler_ = std::make_unique<internal::Scheduler>(*this, std::min(wanted, kProcessorsMax), options.clock);
}

Runtime::~Runtime() = default;

Context& Runtime::root() { return scheduler_->root(); }

unsigned Runtime::processors() const { return scheduler_->size(); }

Runtime& Runtime::current() { return internal::Processor::current().runtime(); }

unsigned Runtime::current_processor() {
  const internal::Processor* processor = internal::Processor::current_or_null();
  return processor == nullptr ? 0 : processor->index();
}

void Runtime::ready(internal::Runnable& runnable) {
  internal::Processor* processor = internal::Processor::current_or_null();
  if (processor != nullptr && &processor->runtime() == this) {
    processor->ready(runnable);
  } else {
    scheduler_->inject(runnable);
  }
}

task<void> Runtime::run_and_stop(Runtime& runtime, task<void> main, std::exception_ptr& exception) {
  try {
    co_await std::move(main);
  } catch (...) {
    exception = std::current_exception();
  }
  runtime.scheduler_->stop();
}

void Runtime::run_task(task<void> main) {
  WEIR_CHECK(!scheduler_->stopping(), "a Runtime runs once");
  std::exception_ptr exception;
  // The one task without a permit: the frame is this function's.
  const task<void> first = run_and_stop(*this, std::move(main), exception);
  first.frame_.promise().continuation = std::noop_coroutine();
  internal::Runnable& runnable = first.frame_.promise().runnable;
  runnable.handle = first.frame_;
  scheduler_->inject(runnable);
  scheduler_->run();
  if (exception) std::rethrow_exception(exception);
}

Runtime::Stats Runtime::stats() const {
  Stats stats{.processors = scheduler_->size(),
              .processors_idle = scheduler_->idle(),
              .processors_spinning = scheduler_->spinning(),
              .tasks_live = 0,
              .tasks_spawned = 0,
              .global_queue = scheduler_->global_size(),
              .steals = 0};
  // All that ended first, then all that were spawned: so that each one counted
  // as ended is counted as spawned too, on whichever processors it was.
  std::uint64_t finished = 0;
  for (unsigned index = 0; index < scheduler_->size(); ++index) {
    finished += scheduler_->processor(index).finished();
  }
  for (unsigned index = 0; index < scheduler_->size(); ++index) {
    const internal::Processor& processor = scheduler_->processor(index);
    stats.tasks_spawned += processor.spawned();
    stats.steals += processor.steals();
  }
  stats.tasks_live = stats.tasks_spawned - finished;
  return stats;
}

}  // namespace weir::core

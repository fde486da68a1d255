#include "weir/core/runtime.h"

#include <array>
#include <atomic>

#include "weir/base/check.h"
#include "weir/core/internal/cpus.h"
#include "weir/core/internal/scheduler.h"

namespace weir::core {
namespace {

constexpr unsigned kProcessorsMax = 256;

// Who has which number. A suspended task names its runtime in a byte.
constinit std::array<std::atomic<Runtime*>, 256> runtimes;

std::uint8_t take_number(Runtime& runtime) {
  for (std::size_t number = 0; number < runtimes.size(); ++number) {
    Runtime* nobody = nullptr;
    if (runtimes[number].compare_exchange_strong(nobody, &runtime)) return static_cast<std::uint8_t>(number);
  }
  WEIR_CHECK(false, "more than 256 runtimes at once");
  return 0;
}

}  // namespace

Runtime::Runtime(Options options) : number_(take_number(*this)) {
  const unsigned wanted = options.processors == 0 ? internal::usable_cpus() : options.processors;
  scheduler_ = std::make_unique<internal::Scheduler>(*this, std::min(wanted, kProcessorsMax), options.clock);
}

Runtime::~Runtime() { runtimes[number_].store(nullptr); }

Runtime& Runtime::numbered(std::uint8_t number) {
  // relaxed: who has the number of a runtime was told it by that runtime.
  return *runtimes[number].load(std::memory_order_relaxed);
}

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
  first.frame_.promise().awaited_by(std::noop_coroutine());
  scheduler_->inject(first.frame_.promise());
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

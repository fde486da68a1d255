#include "weir/core/runtime.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "weir/base/check.h"
#include "weir/core/internal/cpus.h"
#include "weir/core/internal/scheduler.h"

namespace weir::core {
namespace {

Duration trace_from_environment() {
  const char* text = std::getenv("WEIR_SCHEDTRACE");
  if (text == nullptr || *text == '\0') return {};
  constexpr unsigned kLongest = 1'000'000'000;
  const unsigned ms = internal::parse_count(text, kLongest);
  if (ms == 0)
    std::fprintf(stderr, "weir: WEIR_SCHEDTRACE=%s is not a number of milliseconds: ignored\n", text);
  return ms * 1ms;
}

internal::Scheduler::Options scheduler_options(const Runtime::Options& options) {
  constexpr unsigned kMost = internal::Scheduler::kSeatsMax;
  unsigned processors = options.processors;
  if (processors == 0) processors = internal::processors_from_environment();
  const bool measured = processors == 0;
  if (measured) processors = internal::usable_cpus(options.system_root);
  processors = std::min(processors, kMost);
  const unsigned seats = std::clamp(options.processors_max, processors, kMost);
  internal::Scheduler::Options result{.processors = processors,
                                      .seats = measured ? seats : processors,
                                      .workers_max = std::max(options.workers_max, seats),
                                      .clock = options.clock,
                                      .simulation = options.simulation,
                                      .monitor = {}};
  if (options.simulation != nullptr) {
    result.clock = options.simulation;
    return result;
  }
  result.monitor = {
      .stuck_after = options.clock == nullptr ? options.stuck_after : Duration::zero(),
      .on_stuck = options.on_stuck,
      .trace_every = options.trace_every == Duration::zero() ? trace_from_environment() : options.trace_every,
      .follow_quota = measured,
      .quota_root = options.system_root};
  return result;
}

// Who has which number. A suspended task names its runtime in a byte.
constinit std::array<std::atomic<Runtime*>, 256> runtimes;

constinit std::mutex runtimes_mutex;  // held by who adds, removes or goes through them

std::uint8_t take_number(Runtime& runtime) {
  const std::lock_guard guard(runtimes_mutex);
  for (std::size_t number = 0; number < runtimes.size(); ++number) {
    if (runtimes[number].load() != nullptr) continue;
    runtimes[number].store(&runtime);
    return static_cast<std::uint8_t>(number);
  }
  WEIR_CHECK(false, "more than 256 runtimes at once");
  return 0;
}

}  // namespace

Runtime::Runtime(Options options)
    : number_(take_number(*this)),
      scheduler_(std::make_unique<internal::Scheduler>(*this, scheduler_options(options))) {}

Runtime::~Runtime() {
  const std::lock_guard guard(runtimes_mutex);
  runtimes[number_].store(nullptr);
}

void Runtime::with_all(const std::function<void(const std::vector<Runtime*>& runtimes)>& use) {
  const std::lock_guard guard(runtimes_mutex);
  std::vector<Runtime*> alive;
  for (const std::atomic<Runtime*>& runtime : runtimes) {
    if (runtime.load() != nullptr) alive.push_back(runtime.load());
  }
  use(alive);
}

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

void Runtime::ready(internal::Runnable& runnable) { internal::Processor::make_runnable(runnable, number_); }

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

bool Runtime::deadlocked() const {
  const Simulation* simulation = scheduler_->simulation();
  return simulation != nullptr && simulation->deadlocked();
}

Runtime::Stats Runtime::stats() const {
  const internal::Scheduler::Counts counts = scheduler_->counts();
  const internal::BlockingPool::Stats blocking = scheduler_->blocking().stats();
  return {.processors = scheduler_->active(),
          .processors_idle = scheduler_->idle(),
          .processors_spinning = scheduler_->spinning(),
          .tasks_live = counts.spawned - counts.finished,
          .tasks_spawned = counts.spawned,
          .global_queue = scheduler_->global_size(),
          .steals = counts.steals,
          .workers = scheduler_->workers(),
          .workers_spare = scheduler_->spares(),
          .stuck = scheduler_->monitor().stuck(),
          .stand_ins = scheduler_->monitor().stand_ins(),
          .stand_ins_refused = scheduler_->monitor().refused(),
          .blocking_threads = blocking.threads,
          .blocking_queued = blocking.queued,
          .blocking_refused = blocking.refused};
}

}  // namespace weir::core

#include "weir/core/internal/monitor.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <new>
#include <system_error>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/internal/cpus.h"
#include "weir/core/internal/scheduler.h"
#include "weir/core/internal/shake.h"

namespace weir::core::internal {
namespace {

// A task that began right after a look is seen at the next one and judged
// `stuck_after` later: with looks 5 ms apart it waits 10 to 15 ms and what it
// takes to start a stand-in.
constexpr Duration kLookEveryMin = 1ms;
constexpr Duration kLookEveryMax = 5ms;
// Idle for so many looks, it sleeps until a processor wakes up: not at once,
// or every request of a quiet server would wake it too.
constexpr int kIdleLooksMax = 20;
constexpr Duration kPrintEvery = 1s;
constexpr int kReportTimes = 10;
constexpr int kStarvedTimes = 3;

}  // namespace

std::string trace_line(const TraceFigures& figures) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(figures.since_start).count();
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(),
                "SCHED %lldms: gomaxprocs=%u idleprocs=%u threads=%u spinningthreads=%u needspinning=0 "
                "idlethreads=%u runqueue=%llu [",
                static_cast<long long>(ms), figures.processors, figures.idle, figures.threads,
                figures.spinning, figures.idle_threads,
                static_cast<unsigned long long>(figures.global_queue));
  std::string line = text.data();
  for (std::size_t i = 0; i < figures.queues.size(); ++i) {
    line += (i == 0 ? "" : " ") + std::to_string(figures.queues[i]);
  }
  return line + "]";
}

Monitor::Monitor(Scheduler& scheduler, Options options)
    : scheduler_(scheduler), options_(std::move(options)) {}

void Monitor::start() {
  if (options_.stuck_after == Duration::zero() && options_.trace_every == Duration::zero() &&
      !options_.follow_quota) {
    return;
  }
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    WEIR_CHECK(false, "no thread for the monitor: raise the limit of threads or memory");
  }
}

void Monitor::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Monitor::wake() {
  {
    const std::lock_guard guard(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
}

void Monitor::run() {
  start_ = SystemClock::read();
  quota_at_ = start_ + options_.quota_every;
  trace_at_ = start_ + options_.trace_every;
  watched_.resize(scheduler_.size());
  const Duration every_max = options_.stuck_after == Duration::zero()
                                 ? kLookEveryMax
                                 : std::min(kLookEveryMax, options_.stuck_after / 2);
  Duration every = std::min(kLookEveryMin, every_max);
  int idle_looks = 0;
  for (;;) {
    sleep(every);
    {
      const std::lock_guard guard(mutex_);
      if (stopping_) return;
    }
    bool busy = true;
    try {
      busy = look(SystemClock::read());
    } catch (const std::bad_alloc&) {
      busy = true;  // no memory for a report or a list: what is stuck is seen at the next look
    }
    every = std::min(2 * every, every_max);
    idle_looks = busy ? 0 : idle_looks + 1;
    if (idle_looks < kIdleLooksMax || options_.trace_every != Duration::zero()) continue;
    {
      const std::lock_guard guard(mutex_);
      woken_ = false;
    }
    if (!scheduler_.let_monitor_sleep()) continue;
    WEIR_SHAKE_HERE("monitor: sleeps");
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return woken_ || stopping_; });
    every = std::min(kLookEveryMin, every_max);
    idle_looks = 0;
  }
}

void Monitor::sleep(Duration span) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, span, [this] { return stopping_; });
}

bool Monitor::look(TimePoint now) {
  if (options_.stuck_after != Duration::zero()) {
    attend(now);
    for (unsigned index = 0; index < scheduler_.size(); ++index) watch(scheduler_.seat(index), now);
  }
  if (options_.follow_quota && now >= quota_at_) follow_quota(now);
  if (options_.trace_every != Duration::zero() && now >= trace_at_) trace(now);
  return scheduler_.idle() < scheduler_.active() || !stuck_now_.empty();
}

void Monitor::watch(Seat& seat, TimePoint now) {
  Watched& watched = watched_[seat.index];
  Processor* holder = seat.holder.load(std::memory_order_acquire);
  const std::uint32_t step = holder->step();
  if (holder != watched.holder || step != watched.step) {
    watched = {.holder = holder, .step = step, .since = now};
    if (step % 2 == 1) watched.cpu_before = holder->thread().cpu_time();
    return;
  }
  const bool in_task = step % 2 == 1;
  if (!in_task) return;
  // A computation that forks gives way by itself.
  if (2 * (now - watched.since) >= options_.stuck_after) holder->forks().ask_to_yield();
  if (now - watched.since < options_.stuck_after) return;
  const auto known = [&](const Stuck& stuck) { return stuck.processor == holder; };
  if (std::ranges::any_of(stuck_now_, known)) return;  // and no worker for its seat
  if (starved(watched, now - watched.since)) {
    scheduler_.serve_for(&seat, *holder);
    return;
  }
  stuck_now_.push_back({.processor = holder,
                        .step = step,
                        .since = watched.since,
                        .report_at = options_.stuck_after * kReportTimes,
                        .index = seat.index,
                        .seat = &seat});
  Stuck& stuck = stuck_now_.back();
  take_seat(stuck);
  if (holder->step() != step) return;
  stuck_.fetch_add(1, std::memory_order_relaxed);
  if (stuck.seat != nullptr) refused_.fetch_add(1, std::memory_order_relaxed);
  report(stuck, now);
}

// It would go on if the system let it: the machine has other work. One more
// thread would not bring more processor time to them all; what waits here is
// better with the other workers. But not for long: a new thread may be luckier.
bool Monitor::starved(const Watched& watched, Duration span) const {
  const SampledThread& thread = watched.holder->thread();
  return span < kStarvedTimes * options_.stuck_after &&
         thread.cpu_time() - watched.cpu_before < options_.stuck_after / 4 && thread.runnable();
}

// To those that are stuck still.
void Monitor::attend(TimePoint now) {
  std::erase_if(stuck_now_, [](const Stuck& stuck) { return stuck.processor->step() != stuck.step; });
  for (Stuck& stuck : stuck_now_) {
    if (stuck.seat != nullptr) take_seat(stuck);  // perhaps there is a worker now
    // It may have pushed something before it learnt that it has no seat.
    scheduler_.serve_for(stuck.seat, *stuck.processor);
    if (now - stuck.since < stuck.report_at) continue;
    stuck.report_at *= kReportTimes;
    report(stuck, now);
  }
}

void Monitor::take_seat(Stuck& stuck) {
  if (!scheduler_.hand_over(*stuck.seat, *stuck.processor, stuck.step)) return;
  stand_ins_.fetch_add(1, std::memory_order_relaxed);
  stuck.seat = nullptr;
}

void Monitor::report(const Stuck& stuck, TimePoint now) {
  const Processor& processor = *stuck.processor;
  StuckReport report{.task = processor.frame(),
                     .running = now - stuck.since,
                     .processor = stuck.index,
                     .stand_in = stuck.seat == nullptr};
  const void* function = processor.function();
  try {
    const std::vector<const void*> stack = sample_stack(processor.thread());
    if (processor.step() != stuck.step) return;  // it was another task's
    report.function = name_of_code(function);
    for (const void* place : stack) report.stack.push_back(name_of_code(place));
  } catch (const std::bad_alloc&) {
    report.stack.clear();  // a report without names is one still
  }
  if (options_.on_stuck) {
    options_.on_stuck(report);
  } else {
    print(report, now);
  }
}

void Monitor::print(const StuckReport& report, TimePoint now) {
  if (now < print_at_) {
    ++not_printed_;
    return;
  }
  print_at_ = now + kPrintEvery;
  std::string text = "weir: " + describe(report) + "\n";
  if (not_printed_ > 0) text += "  and " + std::to_string(not_printed_) + " reports that were not printed\n";
  not_printed_ = 0;
  std::fputs(text.c_str(), stderr);
}

void Monitor::follow_quota(TimePoint now) {
  quota_at_ = now + options_.quota_every;
  const unsigned usable = std::clamp(usable_cpus(options_.quota_root), 1u, scheduler_.size());
  if (usable != scheduler_.active()) scheduler_.set_active(usable);
}

void Monitor::trace(TimePoint now) {
  trace_at_ = now + options_.trace_every;
  std::fputs((trace_line(figures(now)) + "\n").c_str(), stderr);
}

TraceFigures Monitor::figures(TimePoint now) const {
  const BlockingPool::Stats blocking = scheduler_.blocking().stats();
  TraceFigures figures{
      .since_start = now - start_,
      .processors = scheduler_.active(),
      .idle = scheduler_.idle(),
      .threads = scheduler_.workers() + blocking.threads + 1,
      .spinning = scheduler_.spinning(),
      .idle_threads = scheduler_.idle() + scheduler_.spares() + blocking.threads_idle,
      .global_queue = scheduler_.global_size(),
  };
  for (unsigned index = 0; index < scheduler_.size(); ++index) {
    figures.queues.push_back(scheduler_.seat(index).holder.load(std::memory_order_acquire)->queued());
  }
  return figures;
}

}  // namespace weir::core::internal

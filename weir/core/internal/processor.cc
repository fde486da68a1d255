#include "weir/core/internal/processor.h"

#include "weir/base/check.h"
#include "weir/core/internal/fork_point.h"
#include "weir/core/internal/frames.h"
#include "weir/core/internal/scheduler.h"
#include "weir/core/internal/shake.h"
#include "weir/core/now.h"

namespace weir::core::internal {
namespace {

// Go's: often enough that the global queue does not starve, and prime, so that
// it does not fall in step with a program's own period.
constexpr std::uint32_t kGlobalQueueTick = 61;
// A pair of tasks that keep waking one another gives way to the ring.
constexpr std::uint32_t kNextInARowMax = 16;
constexpr int kStealRounds = 4;
// The cached time is read anew when this many cycles have passed, about 5 us:
// the counter runs at 2 to 3 GHz on x86-64, at 25 MHz to 1 GHz on arm64.
#if defined(__aarch64__)
constexpr std::uint64_t kClockCyclesMax = 125;
#else
constexpr std::uint64_t kClockCyclesMax = 12'000;
#endif

// The functions that read it are not inlined: a coroutine must not keep the
// address of a thread's variable across a suspension.
[[gnu::tls_model("initial-exec")]] constinit thread_local Processor* current_processor = nullptr;

}  // namespace

Processor::Processor(Scheduler& scheduler, unsigned index, TimePoint start)
    : scheduler_(scheduler),
      index_(index),
      poller_(make_epoll_poller()),
      timers_(start),
      now_(start),
      random_(index * 2'654'435'761u + 1) {}

[[gnu::noinline]] Processor* Processor::current_or_null() { return current_processor; }

[[gnu::noinline]] Processor& Processor::current() {
  WEIR_CHECK(current_processor != nullptr, "called by a thread that runs no tasks");
  return *current_processor;
}

Runtime& Processor::runtime() const { return scheduler_.runtime(); }

void Processor::run() {
  WEIR_CHECK(current_processor == nullptr, "this thread serves a processor already");
  current_processor = this;
  ForkStack::current().serve(scheduler_.size() > 1 ? &queue_ : nullptr);
  read_clock();
  while (Runnable* runnable = find_runnable()) {
    in_task_ = true;
    runnable->resume();
    in_task_ = false;
  }
  ForkStack::current().serve(nullptr);
  current_processor = nullptr;
}

Runnable* Processor::find_runnable() {
  for (;;) {
    if (scheduler_.stopping()) return nullptr;
    ++tick_;
    read_clock();
    fire_timers(timers_);
    Runnable* found = nullptr;
    if (tick_ % kGlobalQueueTick == 0) {
      // A processor that always has work looks at its sockets here.
      poller_->poll(now_, now_);
      found = take_global(1);
    }
    if (found == nullptr) found = take_local();
    if (found == nullptr) found = take_global(RunQueue::kCapacity / 2);
    if (found == nullptr && poller_->poll(now_, now_) > 0) found = take_local();
    if (found == nullptr) found = steal();
    if (found != nullptr) {
      scheduler_.stop_spinning(*this);
      return found;
    }
    park();
  }
}

Runnable* Processor::take_local() {
  if (next_in_a_row_ < kNextInARowMax) {
    if (Runnable* next = queue_.take_next()) {
      ++next_in_a_row_;
      return next;
    }
  }
  next_in_a_row_ = 0;
  if (Runnable* oldest = queue_.pop()) return oldest;
  return queue_.take_next();
}

Runnable* Processor::take_global(std::uint32_t most) {
  RunnableList taken = scheduler_.take_global(most);
  WEIR_SHAKE_HERE("take_global: taken");
  Runnable* first = taken.pop();
  if (taken.size == 0) return first;
  while (Runnable* other = taken.pop()) enqueue(*other);
  // On their way from there to here they were in no queue: whoever fell asleep
  // in that moment has not seen them.
  scheduler_.wake_one();
  return first;
}

Runnable* Processor::steal() {
  if (scheduler_.size() == 1 || !scheduler_.try_start_spinning(*this)) return nullptr;
  const unsigned count = scheduler_.size();
  for (int round = 0; round < kStealRounds; ++round) {
    const std::uint32_t offset = random_below(count);
    for (unsigned i = 0; i < count; ++i) {
      Processor& victim = scheduler_.processor((offset + i) % count);
      if (&victim == this) continue;
      if (Runnable* stolen = queue_.steal_from(victim.queue_, round == kStealRounds - 1)) {
        bump(steals_);
        return stolen;
      }
      // Its owner may be busy with one task for long: its timers are ours.
      fire_timers(victim.timers_);
      if (Runnable* fired = take_local()) return fired;
    }
  }
  return nullptr;
}

void Processor::park() {
  if (!scheduler_.begin_idle(*this)) return;
  WEIR_SHAKE_HERE("park");
  tidy_frames();
  poller_->poll(now_, timers_.next());
  scheduler_.end_idle(*this);
  clock_cycles_ = 0;
}

void Processor::spawn(Runnable& runnable) {
  bump(spawned_);
  enqueue(runnable);
  scheduler_.wake_one();
}

void Processor::ready(Runnable& runnable) {
  if (!in_task_) {  // the poller or a timer: more may come, and this processor is about to look
    enqueue(runnable);
    if (queue_.size() > 1) scheduler_.wake_one();
    return;
  }
  if (Runnable* kicked = queue_.set_next(&runnable)) enqueue(*kicked);
  scheduler_.wake_one();
}

void Processor::enqueue(Runnable& runnable) {
  while (!queue_.push(runnable)) {
    RunnableList half;
    if (!queue_.take_half(half)) continue;
    half.push(runnable);
    scheduler_.push_global(half);
    return;
  }
}

void Processor::fire_timers(TimerWheel& timers) {
  if (timers.next() <= now_) timers.advance(now_);
}

void Processor::read_clock() {
  if (const Clock* clock = scheduler_.clock()) {
    now_ = clock->now();
    return;
  }
  const std::uint64_t cycles = __builtin_readcyclecounter();
  if (cycles - clock_cycles_ < kClockCyclesMax && clock_cycles_ != 0) return;
  clock_cycles_ = cycles;
  now_ = SystemClock::read();
}

std::uint32_t Processor::random_below(std::uint32_t bound) {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  return random_ % bound;
}

}  // namespace weir::core::internal

namespace weir::core {

TimePoint now() {
  internal::Processor* processor = internal::Processor::current_or_null();
  return processor == nullptr ? SystemClock::read() : processor->now();
}

}  // namespace weir::core

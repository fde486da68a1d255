#include "weir/core/internal/processor.h"

#include <algorithm>

#include "weir/base/check.h"
#include "weir/core/internal/fork_point.h"
#include "weir/core/internal/frames.h"
#include "weir/core/internal/scheduler.h"
#include "weir/core/internal/shake.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"

namespace weir::core::internal {
namespace {

// Go's: often enough that the global queue does not starve, and prime, so that
// it does not fall in step with a program's own period.
constexpr std::uint32_t kGlobalQueueTick = 61;
// The clock is read every so many steps: as often as that without timers; with
// them every step, and less often while some steps together take no time.
constexpr std::uint32_t kClockTick = 16;
constexpr std::uint32_t kClockTickWithTimers = 4;
// Looking at the sockets is a system call: as often as that only among tasks
// that take long.
constexpr Duration kPollEvery = 20us;
// With more than half a ring to do, a look waits: what does not fit goes to the global
// queue, the oldest first, and the ring is served before that.
constexpr Duration kPollEveryWhenFull = 2ms;
// A processor whose timers are late by so much does not run, or one task for long.
constexpr Duration kOverdue = 1ms;
// A pair of tasks that keep waking one another gives way to the ring.
constexpr std::uint32_t kNextInARowMax = 16;
constexpr int kStealRounds = 4;
// What a task has woken last is left to its own processor for so long: most who
// wake another are about to wait. The system adds some 50 us to so short a sleep.
constexpr Duration kNextIsLeft = 10us;
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

Processor::Processor(Scheduler& scheduler, unsigned number, TimePoint start)
    : scheduler_(scheduler),
      now_(start),
      runtime_number_(scheduler.runtime().number()),
      polled_at_(start),
      random_(number * 2'654'435'761u + 1) {}

[[gnu::noinline]] Processor* Processor::current_or_null() { return current_processor; }

[[gnu::noinline]] Processor& Processor::current() {
  WEIR_CHECK(current_processor != nullptr, "called by a thread that runs no tasks");
  return *current_processor;
}

Runtime& Processor::runtime() const { return scheduler_.runtime(); }

void Processor::run() {
  WEIR_CHECK(current_processor == nullptr, "this thread serves a processor already");
  thread_ = SampledThread::calling();
  while (scheduler_.wait_for_seat(*this)) {
    const Serving serving(*this);
    clock_cycles_ = 0;
    while (Runnable* runnable = find_runnable()) execute(*runnable);
    leave_seat();
  }
}

Processor::Serving::Serving(Processor& processor) {
  current_processor = &processor;
  processor.alone_ = processor.scheduler_.size() == 1;
  processor.forks_.serve(processor.alone_ ? nullptr : &processor.queue_);
  ForkStack::make_current(&processor.forks_);
}
Processor::Serving::~Serving() {
  current_processor = nullptr;
  ForkStack::make_current(nullptr);
}

void Processor::execute(Runnable& runnable) {
  const std::coroutine_handle<> handle = runnable.handle();
  // For the monitor. relaxed: published by the step. A frame begins with the
  // address of the function that goes on with it.
  frame_.store(handle.address(), std::memory_order_relaxed);
  function_.store(*static_cast<const void* const*>(handle.address()), std::memory_order_relaxed);
  const std::uint32_t step = step_.load(std::memory_order_relaxed);
  step_.store(step + 1, std::memory_order_release);
  // A Pause sees the step, or this sees the pause: it has the processor's fence
  // made here (Pause's membarrier), so the compiler's is enough.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (scheduler_.paused()) [[unlikely]]
    wait_out_pause(step);
  handle.resume();
  step_.store(step + 2, std::memory_order_release);
}

void Processor::wait_out_pause(std::uint32_t step) {
  do {
    step_.store(step, std::memory_order_release);
    scheduler_.wait_while_paused();
    step_.store(step + 1, std::memory_order_seq_cst);
  } while (scheduler_.paused());
}

Runnable* Processor::find_runnable() {
  for (;;) {
    if (scheduler_.stopping() || unseated()) return nullptr;
    ++tick_;
    if (clock_is_due()) {
      look_at_clock();
      fire_timers(seat_->timers);
      if (!alone_) look_at_neighbour();
    }
    if (seat_->index >= scheduler_.active()) [[unlikely]] {
      relay();
      continue;
    }
    Runnable* found = nullptr;
    if (tick_ % kGlobalQueueTick == 0) {
      // A processor that always has work looks at its sockets here.
      if (poll_is_due()) seat_->poll(now_);
      // Its share, as far as there is room, not one as in Go: there yielding
      // tasks go to the global queue, here they keep the ring from emptying, and
      // what a stuck worker left would wait 61 steps for each that is before it.
      found = take_global((RunQueue::kCapacity - std::min(queue_.size(), RunQueue::kCapacity)) / 2 + 1);
    }
    if (found == nullptr) found = take_local();
    if (found == nullptr) found = take_global(RunQueue::kCapacity / 2);
    if (found == nullptr && seat_->poll(now_) > 0) found = take_local();
    if (found == nullptr) {
      read_clock();
      found = steal();
    }
    if (found != nullptr) {
      scheduler_.stop_spinning(*this);
      return found;
    }
    if (std::exchange(dozes_, false)) {
      doze();
    } else {
      park();
    }
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
  if (scheduler_.active() == 1 || !scheduler_.try_start_spinning(*this)) return nullptr;
  const unsigned count = scheduler_.size();
  for (int round = 0; round < kStealRounds; ++round) {
    const std::uint32_t offset = random_below(count);
    for (unsigned i = 0; i < count; ++i) {
      Seat& seat = scheduler_.seat((offset + i) % count);
      if (&seat == seat_) continue;
      if (Runnable* stolen = steal_from(seat, round == kStealRounds - 1)) return stolen;
    }
  }
  return nullptr;
}

// Whether the run-next slot of `victim`, whose ring is empty, may be robbed:
// when it was there the last time, before a doze, and the same task still runs.
bool Processor::leaves_next_alone(const Processor& victim) {
  if (!victim.queue_.has_next()) return false;
  const std::uint32_t step = victim.step();
  if (left_ == &victim && left_step_ == step) return false;
  left_ = &victim;
  left_step_ = step;
  dozes_ = true;
  return true;
}

Runnable* Processor::steal_from(Seat& seat, bool last_round) {
  Processor& victim = *seat.holder.load(std::memory_order_acquire);
  const bool with_next = last_round && !leaves_next_alone(victim);
  if (Runnable* stolen = queue_.steal_from(victim.queue_, with_next)) {
    bump(steals_);
    victim.forks_.stolen_from();
    return stolen;
  }
  // Its holder may be busy with one task for long: its timers are ours.
  fire_timers(seat.timers);
  return take_local();
}

// It spins all the while: nobody needs to wake it for what becomes runnable.
void Processor::doze() {
  if (seat_->claim_poller()) {
    if (!scheduler_.stopping()) {
      seat_->poller->poll(now_, std::min(saturating_add(now_, kNextIsLeft), seat_->timers.next()));
    }
    seat_->release_poller();
  }
  clock_cycles_ = 0;
}

void Processor::park() {
  if (!scheduler_.begin_idle(*this)) return;
  WEIR_SHAKE_HERE("park");
  // Who had the seat before may be polling still, for a moment, and swallow a
  // notification. So: claim first, then see whether one was sent; the relaxed
  // loads see it, because the claim acquires what the other's poll had acquired.
  tidy_frames();
  if (seat_->claim_poller()) {
    if (idle_.load(std::memory_order_relaxed) && !scheduler_.stopping()) {
      seat_->poller->poll(now_, time_to_wake_up());
    }
    seat_->release_poller();
  }
  scheduler_.end_idle(*this);
  clock_cycles_ = 0;
}

// Each looks after one other: on a busy machine one of two threads gets to run
// sooner than a certain one, and the monitor decides nothing so soon.
Seat& Processor::neighbour() const { return scheduler_.seat((seat_->index + 1) % scheduler_.size()); }

void Processor::look_at_neighbour() {
  Seat& seat = neighbour();
  if (saturating_add(seat.timers.next(), kOverdue) > now_) return;
  scheduler_.serve_for(&seat, *seat.holder.load(std::memory_order_acquire));
}

// For its own timers, and for its neighbour's should they be overdue by then.
TimePoint Processor::time_to_wake_up() const {
  const TimePoint own = seat_->timers.next();
  if (alone_) return own;
  return std::min(own, saturating_add(std::max(neighbour().timers.next(), now_), kOverdue));
}

// In a seat above the number of processors that may run tasks: hands on what
// its timers and its sockets make runnable, and runs nothing.
void Processor::relay() {
  hand_over_queue();
  scheduler_.stop_spinning(*this);
  if (!seat_->claim_poller()) return;
  if (!scheduler_.stopping() && seat_->index >= scheduler_.active()) {
    seat_->poller->poll(now_, seat_->timers.next());
  }
  seat_->release_poller();
  clock_cycles_ = 0;
}

// Another has the seat: it finds what was left here, and looks at the timers
// anew, to which this one may have added.
void Processor::leave_seat() {
  hand_over_queue();
  scheduler_.stop_spinning(*this);
  seat_->poller->notify();
}

void Processor::hand_over_queue() {
  RunnableList all = queue_.take_all();
  if (all.size == 0) return;
  WEIR_SHAKE_HERE("hand over: taken");
  scheduler_.push_global(all);
  scheduler_.wake_one();
}

void Processor::spawn(Runnable& runnable) {
  bump(spawned_);
  enqueue(runnable);
  wake_another();
}

// Where there is one seat and this has it, nobody sleeps. Should it lose it in
// this moment, the monitor takes what is queued, and wakes.
void Processor::wake_another() {
  if (!alone_ || unseated()) scheduler_.wake_one();
}

void Processor::ready(Runnable& runnable) {
  if (!in_task()) {  // the poller or a timer: more may come, and this processor is about to look
    enqueue(runnable);
    if (queue_.size() > 1) wake_another();
    return;
  }
  if (unseated()) [[unlikely]] {
    enqueue(runnable);
  } else if (Runnable* kicked = queue_.set_next(&runnable)) {
    enqueue(*kicked);
  } else {
    scheduler_.wake_one_after_publishing();
    return;
  }
  wake_another();
}

[[gnu::noinline]] void Processor::make_runnable(Runnable& runnable, std::uint8_t runtime) {
  Processor* processor = current_processor;
  if (processor != nullptr && processor->runtime_number_ == runtime) [[likely]] {
    processor->ready(runnable);
  } else {
    Runtime::numbered(runtime).scheduler().inject(runnable);
  }
}

// Nobody steals here any more, or the ring is full.
void Processor::enqueue_elsewhere(Runnable& runnable) {
  if (unseated()) {
    RunnableList one;
    one.push(runnable);
    scheduler_.push_global(one);
    return;
  }
  while (!queue_.push(runnable)) {
    RunnableList half;
    if (!queue_.take_half(half)) continue;
    half.push(runnable);
    scheduler_.push_global(half);
    return;
  }
}

// Of another clock than the system's nothing is known.
bool Processor::poll_is_due() {
  const Duration every = queue_.size() > RunQueue::kCapacity / 2 ? kPollEveryWhenFull : kPollEvery;
  if (scheduler_.clock() == nullptr && now_ - polled_at_ < every) return false;
  polled_at_ = now_;
  return true;
}

void Processor::fire_timers(TimerWheel& timers) {
  if (timers.next() <= now_) timers.advance(now_);
}

// The cycle counter takes as long to read as a task to switch to.
bool Processor::clock_is_due() const {
  if (clock_cycles_ == 0) return true;
  return tick_ - clock_tick_ >= (seat_->timers.next() == kNever ? kClockTick : clock_every_);
}

void Processor::look_at_clock() {
  const std::uint64_t cycles_before = clock_cycles_;
  read_clock();
  clock_tick_ = tick_;
  clock_every_ = clock_cycles_ != cycles_before ? 1 : std::min(2 * clock_every_, kClockTickWithTimers);
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

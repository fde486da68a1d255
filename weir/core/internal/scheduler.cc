#include "weir/core/internal/scheduler.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/internal/shake.h"
#include "weir/core/internal/simulated_order.h"
#include "weir/core/runtime.h"

namespace weir::core::internal {

Scheduler::Scheduler(Runtime& runtime, Options options)
    : active_(options.processors),
      runtime_(runtime),
      options_(std::move(options)),
      blocking_({.threads_max = options_.workers_max, .inline_only = options_.simulation != nullptr}),
      monitor_(*this, options_.monitor) {
  WEIR_CHECK(options_.processors <= options_.seats, "as many seats as processors");
  const TimePoint start = time();
  for (unsigned index = 0; index < options_.seats; ++index) {
    seats_.push_back(std::make_unique<Seat>(
        index, start, simulation() == nullptr ? make_epoll_poller() : make_absent_poller()));
    workers_.push_back(std::make_unique<Processor>(*this, index, start));
    Processor& worker = *workers_.back();
    seats_.back()->holder.store(&worker, std::memory_order_release);
    worker.seat_ = seats_.back().get();
    worker.offer_.release();
  }
  workers_count_.store(size(), std::memory_order_relaxed);
}

Scheduler::~Scheduler() = default;

void Scheduler::run() {
  if (simulation() != nullptr) {
    SimulatedOrder(*this, *simulation()).run();
    return;
  }
  start_workers();
  Processor& first = *workers_[0];
  monitor_.start();  // from here on workers and threads are the monitor's to add to
  first.run();
  monitor_.stop();
  threads_.clear();  // joins; the monitor, which alone adds to them, has ended
  blocking_.stop();
}

void Scheduler::start_workers() {
  try {
    for (unsigned index = 1; index < size(); ++index) {
      threads_.emplace_back([worker = workers_[index].get()] { worker->run(); });
    }
  } catch (const std::system_error&) {
    // Those that run already would be waited for, and never end.
    WEIR_CHECK(false, "no thread for a processor: raise the limit of threads or memory, or ask for fewer");
  }
}

void Scheduler::stop() {
  stopping_.store(true, std::memory_order_seq_cst);
  for (const auto& seat : seats_) seat->poller->notify();
  const std::lock_guard guard(spare_lock_);
  for (Processor* spare = spare_list_; spare != nullptr; spare = spare->next_spare_) spare->offer_.release();
  spare_list_ = nullptr;
}

void Scheduler::inject(Runnable& runnable) {
  RunnableList one;
  one.push(runnable);
  push_global(one);
  wake_one();
}

void Scheduler::push_global(RunnableList& batch) {
  const std::lock_guard guard(global_lock_);
  global_.append(batch);
  global_size_.store(global_.size, std::memory_order_relaxed);
}

RunnableList Scheduler::take_global(std::uint32_t most) {
  RunnableList taken;
  if (global_empty()) return taken;
  const std::lock_guard guard(global_lock_);
  const std::uint32_t share = std::min({global_.size, global_.size / active() + 1, most});
  while (taken.size < share) taken.push(*global_.pop());
  global_size_.store(global_.size, std::memory_order_relaxed);
  return taken;
}

void Scheduler::wake_one_of_the_idle() {
  do {
    WEIR_SHAKE_HERE("wake_one: somebody sleeps");
    unsigned nobody = 0;
    if (spinning_count_.load(std::memory_order_seq_cst) != 0 ||
        !spinning_count_.compare_exchange_strong(nobody, 1, std::memory_order_seq_cst)) {
      return;  // the one that spins will see it, or wake another when it finds other work
    }
    if (const Seat* seat = take_idle()) {
      seat->poller->notify();
      return;
    }
    WEIR_SHAKE_HERE("wake_one: nobody sleeps");
    // Meanwhile others have taken this thread for one that looks for work, and
    // somebody may have fallen asleep: once more, on their behalf.
    spinning_count_.fetch_sub(1, std::memory_order_seq_cst);
    full_fence();
  } while (idle_count_.load(std::memory_order_relaxed) != 0);
}

Seat* Scheduler::take_idle() {
  Seat* seat = nullptr;
  bool monitor_asleep = false;
  {
    const std::lock_guard guard(idle_lock_);
    Processor* const woken = idle_list_;
    if (woken == nullptr) return nullptr;
    remove_idle_locked(*woken);
    woken->spinning_ = true;
    // Read here: once it is awake it may lose this seat and be given another.
    seat = woken->seat_;
    monitor_asleep = std::exchange(monitor_asleep_, false);
  }
  wake_monitor_if(monitor_asleep);
  return seat;
}

bool Scheduler::begin_idle(Processor& processor) {
  {
    const std::lock_guard guard(idle_lock_);
    if (processor.unseated()) return false;
    processor.idle_.store(true, std::memory_order_relaxed);
    processor.next_idle_ = idle_list_;
    idle_list_ = &processor;
    idle_count_.fetch_add(1, std::memory_order_relaxed);
    if (processor.spinning_) {
      processor.spinning_ = false;
      spinning_count_.fetch_sub(1, std::memory_order_relaxed);
    }
  }
  // The fence of the sleeper's side: idle and no longer spinning were
  // announced before it.
  full_fence();
  WEIR_SHAKE_HERE("begin_idle: announced");
  if (!any_work() && !stopping()) return true;
  end_idle(processor);
  // There may be more than this one takes, made runnable by somebody who relied
  // on it to look: it spins again, so that it wakes the next when it finds some.
  if (!processor.spinning_) {
    processor.spinning_ = true;
    spinning_count_.fetch_add(1, std::memory_order_seq_cst);
  }
  return false;
}

void Scheduler::end_idle(Processor& processor) {
  bool monitor_asleep = false;
  {
    const std::lock_guard guard(idle_lock_);
    if (!processor.idle_.load(std::memory_order_relaxed)) return;
    remove_idle_locked(processor);
    monitor_asleep = std::exchange(monitor_asleep_, false);
  }
  wake_monitor_if(monitor_asleep);
}

void Scheduler::remove_idle_locked(Processor& processor) {
  Processor** link = &idle_list_;
  while (*link != &processor) link = &(*link)->next_idle_;
  *link = processor.next_idle_;
  processor.next_idle_ = nullptr;
  processor.idle_.store(false, std::memory_order_relaxed);
  idle_count_.fetch_sub(1, std::memory_order_relaxed);
}

bool Scheduler::any_work() const {
  if (!global_empty()) return true;
  for (unsigned index = 0; index < size(); ++index) {
    if (holder(index).has_work()) return true;
  }
  return false;
}

bool Scheduler::try_start_spinning(Processor& processor) {
  if (processor.spinning_) return true;
  // At most half of those that are busy: more would only contend.
  if (2 * spinning() >= active() - std::min(active(), idle())) return false;
  processor.spinning_ = true;
  spinning_count_.fetch_add(1, std::memory_order_seq_cst);
  return true;
}

void Scheduler::stop_spinning(Processor& processor) {
  if (!processor.spinning_) return;
  processor.spinning_ = false;
  WEIR_SHAKE_HERE("stop_spinning");
  // The last that spins has found work: where there was some, there may be
  // more, and nobody is looking.
  if (spinning_count_.fetch_sub(1, std::memory_order_seq_cst) == 1) wake_one();
}

}  // namespace weir::core::internal

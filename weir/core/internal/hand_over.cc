// The part of the scheduler that deals with workers that come and go: seats that
// are taken from a stuck one, spare workers, and seats that rest.
#include <algorithm>
#include <exception>
#include <mutex>
#include <utility>

#include "weir/core/internal/scheduler.h"
#include "weir/core/internal/shake.h"

namespace weir::core::internal {

bool Scheduler::hand_over(Seat& seat, Processor& stuck, std::uint32_t step) {
  Processor* stand_in = take_spare();
  if (stand_in == nullptr) stand_in = start_worker();
  if (stand_in == nullptr) return false;
  bool came_back = false;
  {
    const std::lock_guard guard(idle_lock_);
    // Not in the step any more: it may even be asleep in the seat's poller. Once
    // the seat is another's it cannot fall asleep in it: begin_idle() looks
    // under this lock.
    came_back = stuck.step() != step || stuck.idle_.load(std::memory_order_relaxed);
    if (!came_back) {
      stuck.unseated_.store(true, std::memory_order_relaxed);
      stand_in->unseated_.store(false, std::memory_order_relaxed);
      seat.holder.store(stand_in, std::memory_order_release);
    }
  }
  if (came_back) {
    if (!add_spare(*stand_in)) stand_in->offer_.release();  // stopping: it ends
    return false;
  }
  WEIR_SHAKE_HERE("hand over: seat taken");
  stand_in->seat_ = &seat;
  stand_in->offer_.release();
  stuck.hand_over_queue();
  return true;
}

void Scheduler::serve_for(Seat* seat, Processor& stuck) {
  stuck.hand_over_queue();
  if (seat == nullptr) return;
  const TimePoint now = time();
  seat->timers.advance(now);
  seat->poll(now);
}

Processor* Scheduler::take_spare() {
  const std::lock_guard guard(spare_lock_);
  Processor* spare = spare_list_;
  if (spare == nullptr) return nullptr;
  spare_list_ = spare->next_spare_;
  spare_count_.fetch_sub(1, std::memory_order_relaxed);
  return spare;
}

// False: stop() has told the spares already, and nobody will tell this one.
bool Scheduler::add_spare(Processor& processor) {
  const std::lock_guard guard(spare_lock_);
  if (stopping()) return false;
  processor.next_spare_ = spare_list_;
  spare_list_ = &processor;
  spare_count_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

// Null: there are as many as there may be, or the system has no more threads.
Processor* Scheduler::start_worker() {
  const unsigned count = workers();
  if (count >= options_.workers_max) return nullptr;
  try {
    auto made = std::make_unique<Processor>(*this, count, time());
    Processor* worker = made.get();
    {
      const std::lock_guard guard(workers_mutex_);
      workers_.push_back(std::move(made));
    }
    threads_.reserve(threads_.size() + 1);
    threads_.emplace_back([worker] { worker->run(); });
    workers_count_.fetch_add(1, std::memory_order_relaxed);
    return worker;
  } catch (const std::exception&) {  // no thread, or no memory for one
    const std::lock_guard guard(workers_mutex_);
    if (workers_.size() > count) workers_.pop_back();
    return nullptr;
  }
}

bool Scheduler::wait_for_seat(Processor& processor) {
  // It comes here for the first time with its first seat, or a stand-in's, on
  // offer; and again when it has lost that.
  if (stopping()) return false;
  if (processor.unseated() && !add_spare(processor)) return false;
  processor.offer_.acquire();
  return !stopping();
}

bool Scheduler::let_monitor_sleep() {
  const std::lock_guard guard(idle_lock_);
  monitor_asleep_ = idle() >= active();
  return monitor_asleep_;
}

void Scheduler::set_active(unsigned processors) {
  const unsigned before = active_.exchange(processors, std::memory_order_seq_cst);
  // Those that rest from now on hand on what they have; those that rested go on.
  for (unsigned index = std::min(before, processors); index < std::max(before, processors); ++index) {
    seats_[index]->poller->notify();
  }
}

Scheduler::Counts Scheduler::counts() const {
  const std::lock_guard guard(workers_mutex_);
  Counts counts;
  // All that ended first, then all that were spawned: so that each one counted
  // as ended is counted as spawned too, on whichever processors it was.
  for (const auto& worker : workers_) counts.finished += worker->finished();
  for (const auto& worker : workers_) {
    counts.spawned += worker->spawned();
    counts.steals += worker->steals();
  }
  return counts;
}

}  // namespace weir::core::internal

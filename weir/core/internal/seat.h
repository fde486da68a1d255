// A seat: the right to run tasks, of which there are as many as processors were
// asked for; and what goes with it that any worker can serve: a number, timers
// and a poller.
//
// A processor (processor.h) is a worker thread's own: its run queue, counters
// and cached time. It runs tasks while it sits in a seat. When its task does not
// come back, the monitor gives the seat to another processor: nothing that only
// one thread may touch changes hands, so there is no moment at which it could be
// touched by two.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "weir/base/clock.h"
#include "weir/core/internal/poller.h"
#include "weir/core/internal/timer.h"

namespace weir::core::internal {

class Processor;

struct Seat {
  Seat(unsigned number, TimePoint start, std::unique_ptr<Poller> its_poller)
      : index(number), timers(start), poller(std::move(its_poller)) {}

  // One worker polls at a time: one that has lost the seat and does not know
  // yet must not take the notification that is meant for the one that has it.
  // acquire and release: who claims sees what the last one's poll had done.
  bool claim_poller() { return !polled.exchange(true, std::memory_order_acquire); }
  void release_poller() { polled.store(false, std::memory_order_release); }
  // Without waiting; 0 also when another polls.
  std::size_t poll(TimePoint now) {
    if (!claim_poller()) return 0;
    const std::size_t events = poller->poll(now, now);
    release_poller();
    return events;
  }

  const unsigned index;
  TimerWheel timers;
  const std::unique_ptr<Poller> poller;
  // Written under the scheduler's idle lock. acquire and release: a thief sees
  // the processor's construction. Processors live as long as the scheduler.
  std::atomic<Processor*> holder{nullptr};
  std::atomic<bool> polled{false};
};

}  // namespace weir::core::internal

// Timers: an intrusive hierarchical wheel. Starting and cancelling cost O(1)
// and allocate nothing; a timer fires at its time or up to one tick later,
// never before (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels",
// 1987, scheme 7).
//
// Each processor owns one wheel: it starts its own tasks' timers there, any
// processor may cancel them, and another may fire them while the owner is busy.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "weir/base/clock.h"
#include "weir/base/intrusive_list.h"
#include "weir/core/internal/lock.h"
#include "weir/core/internal/parking.h"

namespace weir::core::internal {

// What fires is a Parking: it is woken with Wake::deadline.
class TimerWheel {
 public:
  // 131 us: the precision, and 64^7 of them are 18 years.
  static constexpr int kTickBits = 17;

  explicit TimerWheel(TimePoint start) : origin_(start) {}

  void start(Parking& parking, TimePoint at);
  // After it returns the timer does not fire any more. Nothing happens to one
  // that has fired or was cancelled. Any thread.
  void cancel(Parking& parking);
  // Wakes those that are due; the number of them. Of more than a few thousand
  // the rest stays due.
  std::size_t advance(TimePoint now);
  // When to call advance() next: never late, perhaps early. kNever: no timer.
  // Any thread.
  TimePoint next() const { return TimePoint(Duration(next_.load(std::memory_order_relaxed))); }

 private:
  static constexpr int kSlotBits = 6;
  static constexpr std::uint64_t kSlots = 1 << kSlotBits;
  static constexpr std::size_t kLevels = 7;
  static constexpr std::size_t kBatch = 4096;
  static constexpr std::uint64_t kTicksMax = (1ull << (kSlotBits * kLevels)) - 1;

  struct Expiry {
    std::size_t level;
    std::uint64_t slot;
    std::uint64_t tick;
  };

  void insert(Parking& parking);
  bool find_next(Expiry& expiry);
  void publish_next();
  // Whole ticks from the origin; 0 for what lies before it.
  std::uint64_t ticks_until(TimePoint at) const;
  // kNever for a tick that begins after the last representable time.
  TimePoint time_of(std::uint64_t tick) const;

  const TimePoint origin_;
  mutable Lock lock_;  // guards all below but next_, which it writes
  std::uint64_t elapsed_ = 0;
  // A bit for each slot that may hold timers: cancelling leaves it set.
  std::array<std::uint64_t, kLevels> occupied_{};
  std::array<IntrusiveList<Parking, InTimerWheel>, kSlots * kLevels> slots_;
  std::atomic<Duration::rep> next_{kNever.time_since_epoch().count()};
};

}  // namespace weir::core::internal

#include "weir/core/internal/timer.h"

#include <algorithm>
#include <bit>
#include <mutex>

namespace weir::core::internal {
namespace {

std::uint64_t nanoseconds(TimePoint at) { return static_cast<std::uint64_t>(at.time_since_epoch().count()); }

}  // namespace

void TimerWheel::start(Parking& parking, TimePoint at) {
  // Rounded up.
  const std::uint64_t tick = at <= origin_ ? 0 : ticks_until(at - 1ns) + 1;
  const std::lock_guard guard(lock_);
  parking.at_ = static_cast<std::int64_t>(tick);
  insert(parking);
  const auto due = time_of(std::max(tick, elapsed_)).time_since_epoch().count();
  if (due < next_.load(std::memory_order_relaxed)) next_.store(due, std::memory_order_relaxed);
}

void TimerWheel::cancel(Parking& parking) {
  ListNode<InTimerWheel>& node = parking;
  const std::lock_guard guard(lock_);
  if (node.linked()) node.unlink();
}

// A timer sits on the level of the highest digit (base 64) in which its tick
// differs from the current one: it comes down a level each time that digit is
// reached.
void TimerWheel::insert(Parking& parking) {
  const std::uint64_t tick =
      std::clamp(static_cast<std::uint64_t>(parking.at_), elapsed_, elapsed_ + kTicksMax / 2);
  const std::uint64_t differing = (tick ^ elapsed_) | (kSlots - 1);
  const auto highest = static_cast<std::size_t>(63 - std::countl_zero(differing));
  const std::size_t level = std::min(highest / kSlotBits, kLevels - 1);
  const std::uint64_t slot = (tick >> (level * kSlotBits)) & (kSlots - 1);
  slots_[level * kSlots + slot].push_back(parking);
  occupied_[level] |= 1ull << slot;
}

bool TimerWheel::find_next(Expiry& expiry) {
  for (std::size_t level = 0; level < kLevels; ++level) {
    const int shift = static_cast<int>(level) * kSlotBits;
    const std::uint64_t now_slot = (elapsed_ >> shift) & (kSlots - 1);
    while (occupied_[level] != 0) {
      const auto ahead = static_cast<std::uint64_t>(
          std::countr_zero(std::rotr(occupied_[level], static_cast<int>(now_slot))));
      const std::uint64_t slot = (now_slot + ahead) & (kSlots - 1);
      if (slots_[level * kSlots + slot].empty()) {  // they were cancelled
        occupied_[level] &= ~(1ull << slot);
        continue;
      }
      expiry = {.level = level, .slot = slot, .tick = ((elapsed_ >> shift) + ahead) << shift};
      return true;
    }
  }
  return false;
}

std::size_t TimerWheel::advance(TimePoint now) {
  if (now < next()) return 0;
  const std::uint64_t now_tick = ticks_until(now);
  std::size_t fired = 0;
  std::size_t looked_at = 0;
  const std::lock_guard guard(lock_);
  Expiry expiry{};
  while (find_next(expiry) && expiry.tick <= now_tick) {
    elapsed_ = std::max(elapsed_, expiry.tick);
    auto& slot = slots_[expiry.level * kSlots + expiry.slot];
    occupied_[expiry.level] &= ~(1ull << expiry.slot);
    // What does not fire is inserted below the slot that is being emptied: it
    // never returns to it, but for timers beyond the top level's range.
    IntrusiveList<Parking, InTimerWheel> due;
    due.take_all(slot);
    while (Parking* parking = due.pop_front()) {
      if (static_cast<std::uint64_t>(parking->at_) > elapsed_) {
        insert(*parking);
      } else {
        parking->wake(Wake::deadline);  // it may be gone
        ++fired;
      }
      if (++looked_at < kBatch || due.empty()) continue;
      // Others wait for the lock, and tasks to run: the rest is due at once.
      slot.take_all(due);
      occupied_[expiry.level] |= 1ull << expiry.slot;
      publish_next();
      return fired;
    }
  }
  elapsed_ = std::max(elapsed_, now_tick);
  publish_next();
  return fired;
}

void TimerWheel::publish_next() {
  Expiry expiry{};
  const TimePoint at = find_next(expiry) ? time_of(expiry.tick) : kNever;
  next_.store(at.time_since_epoch().count(), std::memory_order_relaxed);
}

// Both count in unsigned nanoseconds: from a negative origin to the end of time
// is more than a Duration holds.
std::uint64_t TimerWheel::ticks_until(TimePoint at) const {
  if (at <= origin_) return 0;
  return (nanoseconds(at) - nanoseconds(origin_)) >> kTickBits;
}

TimePoint TimerWheel::time_of(std::uint64_t tick) const {
  if (tick > ticks_until(kNever - 1ns)) return kNever;
  return TimePoint(Duration(static_cast<Duration::rep>(nanoseconds(origin_) + (tick << kTickBits))));
}

}  // namespace weir::core::internal

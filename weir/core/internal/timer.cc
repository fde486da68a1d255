#include "weir/core/internal/timer.h"

#include <algorithm>
#include <bit>
#include <mutex>

namespace weir::core::internal {
namespace {

std::uint64_t nanoseconds(TimePoint at) { return static_cast<std::uint64_t>(at.time_since_epoch().count()); }

}  // namespace

void Timer::cancel() {
  if (wheel_ == nullptr) return;
  wheel_->remove(*this);
  wheel_ = nullptr;
}

void TimerWheel::start(Timer& timer, TimePoint at) {
  // Rounded up.
  const std::uint64_t tick = at <= origin_ ? 0 : ticks_until(at - 1ns) + 1;
  const std::lock_guard guard(lock_);
  timer.wheel_ = this;
  timer.tick_ = tick;
  insert(timer);
  const auto due = time_of(std::max(timer.tick_, elapsed_)).time_since_epoch().count();
  if (due < next_.load(std::memory_order_relaxed)) next_.store(due, std::memory_order_relaxed);
}

// A timer sits on the level of the highest digit (base 64) in which its tick
// differs from the current one: it comes down a level each time that digit is
// reached.
void TimerWheel::insert(Timer& timer) {
  const std::uint64_t tick = std::clamp(timer.tick_, elapsed_, elapsed_ + kTicksMax / 2);
  const std::uint64_t differing = (tick ^ elapsed_) | (kSlots - 1);
  const int level = std::min((63 - std::countl_zero(differing)) / kSlotBits, kLevels - 1);
  const std::uint64_t slot = (tick >> (level * kSlotBits)) & (kSlots - 1);
  timer.slot_ = static_cast<std::uint32_t>(static_cast<std::uint64_t>(level) * kSlots + slot);
  slots_[timer.slot_].push_back(timer);
  occupied_[static_cast<std::size_t>(level)] |= 1ull << slot;
}

void TimerWheel::remove(Timer& timer) {
  const std::lock_guard guard(lock_);
  if (!timer.linked()) return;
  timer.unlink();
  if (slots_[timer.slot_].empty()) occupied_[timer.slot_ / kSlots] &= ~(1ull << (timer.slot_ % kSlots));
}

bool TimerWheel::find_next(Expiry& expiry) const {
  for (int level = 0; level < kLevels; ++level) {
    const std::uint64_t occupied = occupied_[static_cast<std::size_t>(level)];
    if (occupied == 0) continue;
    const int shift = level * kSlotBits;
    const std::uint64_t now_slot = (elapsed_ >> shift) & (kSlots - 1);
    const auto ahead =
        static_cast<std::uint64_t>(std::countr_zero(std::rotr(occupied, static_cast<int>(now_slot))));
    expiry.level = level;
    expiry.slot = (now_slot + ahead) & (kSlots - 1);
    expiry.tick = ((elapsed_ >> shift) + ahead) << shift;
    return true;
  }
  return false;
}

std::size_t TimerWheel::advance(TimePoint now) {
  if (now < next()) return 0;
  const std::uint64_t now_tick = ticks_until(now);
  std::size_t fired = 0;
  const std::lock_guard guard(lock_);
  Expiry expiry{};
  while (find_next(expiry) && expiry.tick <= now_tick) {
    elapsed_ = std::max(elapsed_, expiry.tick);
    auto& slot = slots_[static_cast<std::size_t>(expiry.level) * kSlots + expiry.slot];
    occupied_[static_cast<std::size_t>(expiry.level)] &= ~(1ull << expiry.slot);
    // What does not fire is inserted below the slot that is being emptied: it
    // never returns to it, but for timers beyond the top level's range.
    IntrusiveList<Timer> due;
    while (Timer* timer = slot.pop_front()) due.push_back(*timer);
    while (Timer* timer = due.pop_front()) {
      if (timer->tick_ > elapsed_) {
        insert(*timer);
        continue;
      }
      timer->parking_->wake(Wake::deadline);  // the timer may be gone
      ++fired;
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

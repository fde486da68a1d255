// Two counts over a sliding window of time, in slices: calls, and how many of
// them were of the kind that is looked for.
//
//   SlidingWindow window(10s);
//   const SlidingWindow::Slice slice = window.slice(now);
//   window.add(slice, /*marked=*/true);
//   const SlidingWindow::Sum sum = window.sum(now);
//
// Adding is one compare-and-swap while the slice lasts. A slice that was asked
// for before a restart() adds nothing after it, however late it is used.
//
// Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "weir/base/clock.h"

namespace weir::resilience::internal {

class SlidingWindow {
 public:
  static constexpr std::uint64_t kSlices = 10;
  // What a slice counts to; it stays there.
  static constexpr std::uint64_t kCountMax = (1 << 24) - 1;

  struct Slice {
    std::uint64_t number;
  };
  struct Sum {
    std::uint64_t calls = 0;
    std::uint64_t marked = 0;
  };

  // At least kSlices ns.
  explicit SlidingWindow(Duration span) : slice_span_(span / kSlices) {}

  Slice slice(TimePoint now) {
    // acquire, here and of number_: a slice that restart() began is seen with
    // what came before that restart. The two may be of different slices while
    // one ends: then the count is in the earlier one, or is dropped with it.
    if (now.time_since_epoch().count() >= ends_.load(std::memory_order_acquire)) [[unlikely]]
      move_on(now);
    return {number_.load(std::memory_order_acquire)};
  }

  // False: the slice is no longer part of the window.
  bool add(Slice slice, bool marked) { return change(slice, 1, marked ? 1 : 0); }
  // Takes one back that is marked.
  bool unmark(Slice slice) { return change(slice, 0, -1); }
  // One that is marked and no call.
  bool mark(Slice slice) { return change(slice, 0, 1); }

  Sum sum(TimePoint now) {
    const std::uint64_t newest = slice(now).number;
    Sum sum;
    for (std::uint64_t i = 0; i < kSlices && i <= newest; ++i) {
      const std::uint64_t word = words_[(newest - i) % kSlices].load(std::memory_order_relaxed);
      if (tag_of(word) != tag(newest - i)) continue;
      sum.calls += (word >> kCountBits) & kCountMax;
      sum.marked += word & kCountMax;
    }
    return sum;
  }

  // Forgets everything.
  void restart(TimePoint now) {
    const std::lock_guard guard(mutex_);
    begin_locked(now, kSlices);
  }

 private:
  static constexpr int kCountBits = 24;
  // Which slice the counts are of: enough of its number that a thread would have
  // to be held up for 6,553 windows between two instructions to be misled.
  static constexpr int kTagShift = 2 * kCountBits;
  static std::uint64_t tag(std::uint64_t number) { return number & 0xffff; }
  static std::uint64_t tag_of(std::uint64_t word) { return word >> kTagShift; }

  bool change(Slice slice, std::uint64_t calls, int marked) {
    std::atomic<std::uint64_t>& of = words_[slice.number % kSlices];
    // relaxed: the word is all there is, and says itself which slice it is of.
    std::uint64_t word = of.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    do {
      if (tag_of(word) != tag(slice.number)) return false;
      const std::uint64_t calls_now = (word >> kCountBits) & kCountMax;
      const std::uint64_t marked_now = word & kCountMax;
      if (calls_now + calls > kCountMax || (marked > 0 && marked_now == kCountMax)) return true;
      if (marked < 0 && marked_now == 0) return true;
      next = word + (calls << kCountBits) + static_cast<std::uint64_t>(static_cast<std::int64_t>(marked));
    } while (!of.compare_exchange_weak(word, next, std::memory_order_relaxed));
    return true;
  }

  void move_on(TimePoint now) {
    const std::lock_guard guard(mutex_);
    const TimePoint ends(Duration(ends_.load(std::memory_order_relaxed)));
    if (now < ends) return;
    if (ends == TimePoint::min()) return begin_locked(now, 1);
    const auto passed = static_cast<std::uint64_t>((now - ends) / slice_span_) + 1;
    begin_locked(now, passed < kSlices ? passed : kSlices);
  }

  // `count` new slices, of which the last is the one of now.
  void begin_locked(TimePoint now, std::uint64_t count) {
    std::uint64_t number = number_.load(std::memory_order_relaxed);
    for (; count > 0; --count) {
      ++number;
      words_[number % kSlices].store(tag(number) << kTagShift, std::memory_order_relaxed);
    }
    // release: who sees the number sees the empty slice, and what was done
    // before a restart; who sees the end sees the number.
    number_.store(number, std::memory_order_release);
    ends_.store(saturating_add(now, slice_span_).time_since_epoch().count(), std::memory_order_release);
  }

  const Duration slice_span_;
  std::mutex mutex_;  // of those who write number_ and ends_
  std::atomic<std::uint64_t> number_{0};
  std::atomic<Duration::rep> ends_{Duration::min().count()};  // min: not begun
  std::array<std::atomic<std::uint64_t>, kSlices> words_{};   // tag, calls, marked
};

}  // namespace weir::resilience::internal

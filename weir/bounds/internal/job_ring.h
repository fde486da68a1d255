// The pool's queue: a bounded ring of jobs that any number of threads push to
// and pop from without a lock (Vyukov's bounded queue: each cell has a turn).
//
// Its capacity is exact: no more than that many jobs lie in it at any instant.
// It may be used in part: resize().
// A full or closed ring refuses before the job is made.
//
// A claimed place that is not filled yet counts as depth and hides what lies
// behind it; push() fills it at once, so `make` must do nothing but make.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "weir/base/clock.h"
#include "weir/core/task.h"

namespace weir::bounds::internal {

struct Job {
  core::task<> body;
  TimePoint queued_at;
};

class JobRing {
 public:
  enum class Pushed : std::uint8_t { yes, full, closed };
  struct Outcome {
    Pushed pushed;
    std::uint32_t depth;  // after a successful push, this job included
  };

  explicit JobRing(std::uint32_t capacity);
  JobRing(const JobRing&) = delete;
  JobRing& operator=(const JobRing&) = delete;

  // Claims a place, and only then calls make(), which returns a task<> or a
  // std::optional of one; an empty one, or an exception, leaves a place that
  // pop() passes over.
  template <typename Make>
  Outcome push(TimePoint queued_at, Make&& make) {
    std::uint64_t place = 0;
    const Outcome claimed = claim(place);
    if (claimed.pushed != Pushed::yes) return claimed;
    Cell& cell = cells_[place & mask_];
    cell.queued_at = queued_at;
    const Publication publication{cell, place};
    cell.body = std::forward<Make>(make)();
    return claimed;
  }

  // nullopt: empty.
  std::optional<Job> pop();

  // From now on push() refuses; what lies in the ring can be popped.
  void close() { tail_.fetch_or(kClosed); }
  bool closed() const { return (tail_.load() & kClosed) != 0; }

  // seq_cst, as all changes of head and tail: who announces that it sleeps and
  // then sees depth 0 is seen by whoever pushes after that.
  std::uint32_t depth() const {
    const std::uint64_t head = head_.load();
    const std::uint64_t depth = (tail_.load() & ~kClosed) - head;  // the head was read first: not negative
    return depth < capacity_ ? static_cast<std::uint32_t>(depth) : capacity_;
  }
  std::uint32_t capacity() const { return capacity_; }

  // How many of its places are used, at least 1 and at most all. Takes effect at
  // once; what lies in it stays.
  void resize(std::uint32_t used) { used_.store(used, std::memory_order_relaxed); }
  std::uint32_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint64_t kClosed = 1ull << 63;

  struct Cell {
    // The place whose turn it is to be filled, or that place + 1 when it is
    // filled. release on handing over pairs with acquire on taking.
    std::atomic<std::uint64_t> turn;
    std::optional<core::task<>> body;
    TimePoint queued_at;
  };

  // Publishes when make() has returned, or thrown.
  struct Publication {
    Cell& cell;
    std::uint64_t place;
    ~Publication() { cell.turn.store(place + 1, std::memory_order_release); }
  };

  Outcome claim(std::uint64_t& place);

  // Constant after construction.
  const std::uint32_t capacity_;
  const std::uint64_t mask_;
  const std::unique_ptr<Cell[]> cells_;
  std::atomic<std::uint32_t> used_;  // relaxed: a push more or less under the old number is no harm

  alignas(64) std::atomic<std::uint64_t> tail_{0};  // the next place to fill, and kClosed
  alignas(64) std::atomic<std::uint64_t> head_{0};  // the next place to empty
};

inline JobRing::Outcome JobRing::claim(std::uint64_t& place) {
  std::uint64_t tail = tail_.load();
  for (;;) {
    if ((tail & kClosed) != 0) return {Pushed::closed, 0};
    // Signed: a tail read long ago may lie behind the head.
    const auto depth = static_cast<std::int64_t>(tail - head_.load());
    if (depth >= static_cast<std::int64_t>(used())) return {Pushed::full, 0};
    const Cell& cell = cells_[tail & mask_];
    if (cell.turn.load(std::memory_order_acquire) != tail) {
      // Filled by another, or its last job is being taken out this moment.
      tail = tail_.load();
      continue;
    }
    if (tail_.compare_exchange_weak(tail, tail + 1)) {
      place = tail;
      return {Pushed::yes, static_cast<std::uint32_t>(depth + 1)};
    }
  }
}

}  // namespace weir::bounds::internal

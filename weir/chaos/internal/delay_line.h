// Which of the bytes in a ring are held back, and until when.
//
// Places are offsets in the stream. Bytes that are in no piece are held by
// nothing but the pieces before them: order is kept.
//
// A plain value for one task; the time comes from outside.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "weir/base/clock.h"
#include "weir/chaos/fault_tally.h"

namespace weir::chaos::internal {

class DelayLine {
 public:
  // More are not held apart: nothing is read until some have left.
  static constexpr std::size_t kPiecesMax = 4096;

  struct Piece {
    std::uint64_t begin;
    std::uint64_t end;
    TimePoint arrived;
    TimePoint due;
    Duration asked;
    std::size_t event;  // that delays it; of several, the one that began last
    FaultTally* record;
    bool alone;   // no other delays it
    bool counts;  // in the record
  };

  bool empty() const { return pieces_.empty(); }
  bool full() const { return pieces_.size() >= kPiecesMax; }

  // `piece.due` is put off until what is before it has been due.
  void add(Piece piece) {
    if (!pieces_.empty()) piece.due = std::max(piece.due, pieces_.back().due);
    pieces_.push_back(piece);
  }
  // When something that arrives now, to be held for `delay`, may leave.
  TimePoint due_after(TimePoint now, Duration delay) const {
    const TimePoint due = saturating_add(now, delay);
    return pieces_.empty() ? due : std::max(due, pieces_.back().due);
  }

  // What is before this offset may leave.
  std::uint64_t cleared(TimePoint now) const {
    for (const Piece& piece : pieces_) {
      if (piece.due > now) return piece.begin;
    }
    return UINT64_MAX;
  }
  // When more may; kNever: nothing is held.
  TimePoint next(TimePoint now) const {
    for (const Piece& piece : pieces_) {
      if (piece.due > now) return piece.due;
    }
    return kNever;
  }

  // Those of events that are over are held no longer: is_over(event).
  template <typename IsOver>
  void release(TimePoint now, IsOver is_over) {
    for (Piece& piece : pieces_) {
      if (!is_over(piece.event) || piece.due <= now) continue;
      piece.due = now;
      piece.counts = false;  // it was not delayed for as long as was asked
    }
  }

  // Everything before `offset` has left: seen(piece) for each piece that is whole.
  template <typename Seen>
  void left(std::uint64_t offset, Seen seen) {
    while (!pieces_.empty() && pieces_.front().end <= offset) {
      seen(pieces_.front());
      pieces_.pop_front();
    }
  }

 private:
  std::deque<Piece> pieces_;
};

}  // namespace weir::chaos::internal

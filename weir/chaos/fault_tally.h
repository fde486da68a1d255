// What one fault of a run did: how often it could have struck, whom it hit, and
// what was achieved against what was asked.
//
// Written by the connections that it hits, on any thread; read at any time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "weir/base/clock.h"
#include "weir/base/histogram.h"
#include "weir/testing/fault_rule.h"

namespace weir::chaos {

// A snapshot; its fields may be a moment apart.
struct FaultFigures {
  std::uint64_t matched = 0;  // connections or requests that could have been hit
  std::uint64_t hit = 0;      // that were chosen
  std::uint64_t done = 0;     // on which it was carried out
  std::uint64_t bytes = 0;    // held back, paced or thrown away
  // Delays, each of a piece: asked is what was drawn, measured from its arrival
  // here to its leaving, both of pieces that this event alone delayed and that
  // were not let go by its end. Late is how much longer it was held than until
  // its turn.
  Histogram asked;
  Histogram measured;
  Histogram late;
  // Bandwidth: what left while more was waiting, and the time that took.
  std::uint64_t paced_bytes = 0;
  Duration paced_time{};
};

class FaultTally {
 public:
  explicit FaultTally(std::uint64_t seed) : seed_(seed) {}

  // One more that matches; its number if it is hit, else 0.
  std::uint64_t match(const testing::Occurrence& which) {
    const std::uint64_t number = matched_.fetch_add(1, std::memory_order_relaxed) + 1;
    if (!which.hits(number, seed_)) return 0;
    hit_.fetch_add(1, std::memory_order_relaxed);
    return number;
  }
  void count_done() { done_.fetch_add(1, std::memory_order_relaxed); }
  void count_bytes(std::uint64_t bytes) { bytes_.fetch_add(bytes, std::memory_order_relaxed); }

  // Of a piece that this event alone delayed.
  void count_delay(Duration asked, Duration measured);
  void count_late(Duration late);
  void count_paced(std::uint64_t bytes, Duration time);

  std::uint64_t seed() const { return seed_; }
  FaultFigures figures() const;

 private:
  struct Delays {
    Histogram asked;
    Histogram measured;
    Histogram late;
  };

  Delays& delays_locked() {
    if (delays_ == nullptr) delays_ = std::make_unique<Delays>();
    return *delays_;
  }

  const std::uint64_t seed_;
  // Counters are relaxed: they order nothing.
  std::atomic<std::uint64_t> matched_{0};
  std::atomic<std::uint64_t> hit_{0};
  std::atomic<std::uint64_t> done_{0};
  std::atomic<std::uint64_t> bytes_{0};
  mutable std::mutex lock_;  // guards all below
  std::unique_ptr<Delays> delays_;
  std::uint64_t paced_bytes_ = 0;
  Duration paced_time_{};
};

}  // namespace weir::chaos

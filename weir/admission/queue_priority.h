// The most important first, and when it is full the least important goes.
//
//   Bound inflight(ledger, {..., .order = std::make_shared<PriorityQueue>()});
//   co_await inflight.acquire(ctx, 1, {.level = level_of(Criticality::high, cohort)});
//
// By level (priority.h), within one level by age. Each class is guaranteed a share
// of what is served and of the places, so that the lower ones wait longer but do
// not starve. Levels above kLevels - 1 count as that.
//
// Everything is O(1) but for finding a level: ten words of bits. Its methods are
// its semaphore's to call.
#pragma once

#include <array>
#include <cstdint>

#include "weir/admission/internal/class_shares.h"
#include "weir/admission/priority.h"
#include "weir/core/wait_order.h"

namespace weir::admission {

class PriorityQueue final : public core::WaitOrder {
 public:
  struct Options {
    // Of what is served (and of the places, when it is full), to each class while
    // higher ones wait: sheddable, low, normal, high, critical. Sum below 1.
    std::array<double, kClasses> shares = {0.01, 0.01, 0.02, 0.05, 0.05};
  };

  PriorityQueue() : PriorityQueue(Options{}) {}
  // WEIR_CHECKs the shares.
  explicit PriorityQueue(const Options& options) : classes_(options.shares) {}

  void push(core::Waiter& waiter, TimePoint now) override;
  Choice choose(TimePoint now) override;
  void remove(core::Waiter& waiter, Left left) override;
  core::Waiter* evict(const core::Waiter& arriving) override;

 private:
  using List = IntrusiveList<core::Waiter, core::InOrder>;

  // The level in a class in which somebody waits.
  std::uint32_t highest(std::uint32_t criticality) const;
  std::uint32_t lowest(std::uint32_t criticality) const;

  std::array<List, kLevels> levels_;
  std::array<std::uint64_t, kLevels / 64> occupied_{};
  internal::ClassShares classes_;
};

}  // namespace weir::admission

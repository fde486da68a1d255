// How much may be tried more than once: one budget for all retries and hedges
// towards a dependency.
//
//   RetryBudget budget({.share = 0.2, .per_second = 10});
//   budget.request(core::now());                           // each first attempt
//   ...
//   std::optional<RetryBudget::Charge> charge = budget.try_charge(core::now());
//   if (!charge) return the error as it is;
//   ... wait, then try again; or, when it is not tried after all: charge->refund();
//
// Invariant: in a window, retries and hedges are at most share x first attempts
// + per_second x window. So whatever fails, and however deep callers stand above
// one another with one budget each, a dependency sees at most (1 + share) times
// what it was asked for, and the floor. (Finagle's and Linkerd's retry budgets.)
//
// A retry is charged before its backoff: charged after it, all that wait would
// have found the same budget unspent.
//
// Any thread; time is passed in. No allocation. A budget outlives its Charges.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "weir/base/clock.h"
#include "weir/resilience/internal/sliding_window.h"

namespace weir::resilience {

class RetryBudget {
 public:
  struct Options {
    double share = 0.2;             // of the window's first attempts; 0: only the floor
    std::uint32_t per_second = 10;  // whatever the traffic, so that a quiet caller may retry; 0: none
    Duration window = 10s;          // moves by tenths of it; 10 ms to one hour
  };

  // A snapshot; counts since construction.
  struct Stats {
    std::uint64_t requests = 0;
    std::uint64_t charged = 0;  // less those that were refunded
    std::uint64_t refused = 0;
    std::uint64_t available = 0;  // now
  };

  // What one retry or hedge has taken. Spent unless refunded. Move-only.
  class [[nodiscard]] Charge {
   public:
    Charge(Charge&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), slice_(other.slice_) {}
    Charge& operator=(Charge&&) = delete;
    // It was not tried after all. Idempotent; without effect when the window has
    // passed.
    void refund() {
      if (RetryBudget* budget = std::exchange(budget_, nullptr)) budget->refund(slice_);
    }

   private:
    friend class RetryBudget;
    Charge(RetryBudget& budget, internal::SlidingWindow::Slice slice) : budget_(&budget), slice_(slice) {}
    RetryBudget* budget_;
    internal::SlidingWindow::Slice slice_;
  };

  // WEIR_CHECKs what verify() tells.
  explicit RetryBudget(Options options);
  RetryBudget(const RetryBudget&) = delete;
  RetryBudget& operator=(const RetryBudget&) = delete;

  // Error: what is wrong and what would be right.
  static std::expected<void, std::string> verify(const Options& options);

  // A first attempt.
  void request(TimePoint now) {
    requests_.fetch_add(1, std::memory_order_relaxed);
    window_.add(window_.slice(now), /*marked=*/false);
  }
  // Does not wait. Empty: the budget is spent.
  std::optional<Charge> try_charge(TimePoint now);

  Stats stats(TimePoint now);

 private:
  void refund(internal::SlidingWindow::Slice slice);
  std::uint64_t available(TimePoint now);

  const Options options_;
  const double floor_;
  internal::SlidingWindow window_;  // requests, and what was charged: charged under mutex_ only
  std::mutex mutex_;
  // Counters are relaxed: they order nothing.
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> charged_{0};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace weir::resilience

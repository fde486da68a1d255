// What a pool counts, one set per processor: written with plain stores by the
// processor that runs the counting task, put together by whoever reads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "weir/base/clock.h"
#include "weir/core/runtime.h"

namespace weir::bounds::internal {

enum class PoolCount : std::uint8_t {
  submitted,
  refused_queue_full,
  refused_queue_wait,
  refused_draining,
  refused_deadline,
  refused_cancelled,
  started,
  ended,
  failed,   // of those that ended
  expired,  // waited too long, and did not start
  kCount,
};

class PoolCounters {
 public:
  class alignas(64) Set {
   public:
    // Tasks of its processor, which may be two at once where one is stuck.
    // relaxed: readers need no order.
    void bump(PoolCount which, std::uint64_t by = 1) {
      counts_[static_cast<std::size_t>(which)].fetch_add(by, std::memory_order_relaxed);
    }
    // A job ended. The mean forgets: the latest 32 are most of it, and one that
    // gets lost between two writers does not matter.
    void note_run(Duration run) {
      const Duration::rep mean = run_mean_ns_.load(std::memory_order_relaxed);
      const Duration::rep step = (run.count() - mean) / 32;
      run_mean_ns_.store(mean == 0 ? run.count() : mean + step, std::memory_order_relaxed);
    }

   private:
    friend class PoolCounters;
    std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(PoolCount::kCount)> counts_{};
    std::atomic<Duration::rep> run_mean_ns_{0};
  };

  explicit PoolCounters(unsigned processors) : sets_(processors) {}

  // The calling task's processor's: valid until the task next suspends.
  Set& here() { return at(core::Runtime::current_processor()); }
  Set& at(unsigned processor) { return sets_[processor]; }

  std::uint64_t sum(PoolCount which) const {
    std::uint64_t sum = 0;
    for (const Set& set : sets_)
      sum += set.counts_[static_cast<std::size_t>(which)].load(std::memory_order_relaxed);
    return sum;
  }

  // Over the processors on which jobs have ended; 0: none has.
  Duration run_mean() const {
    Duration::rep sum = 0;
    Duration::rep sets = 0;
    for (const Set& set : sets_) {
      const Duration::rep mean = set.run_mean_ns_.load(std::memory_order_relaxed);
      sum += mean;
      sets += mean == 0 ? 0 : 1;
    }
    return Duration(sets == 0 ? 0 : sum / sets);
  }

 private:
  std::vector<Set> sets_;
};

}  // namespace weir::bounds::internal

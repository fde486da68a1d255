// One run of the burst: its generator, its jobs and the watch over both.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "weir/admission/pool_limiter.h"
#include "weir/base/histogram.h"
#include "weir/bounds/bound.h"
#include "weir/bounds/ledger.h"
#include "weir/bounds/pool.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"
#include "weir/load/burst.h"
#include "weir/load/job_memory.h"
#include "weir/load/schedule.h"

namespace weir::load::internal {

class BurstRun {
 public:
  BurstRun(core::Context& parent, BurstMode mode, BurstOptions options, ShowBurst show);

  // Once. Error: why it does not start.
  core::task<std::expected<void, std::string>> run();
  BurstResult result() const;

 private:
  core::task<> run_naive(core::Scope& scope);
  core::task<> run_pool(core::Scope& scope);
  core::task<> submit_naive(core::Scope& jobs);
  core::task<> submit_to_pool();
  template <typename Submit>
  core::task<> generate(Submit submit);
  core::task<> job(core::Context& context, TimePoint due);
  core::task<> watch(core::Context& context);
  void sample();
  BurstProgress progress(TimePoint now) const;

  std::expected<void, std::string> make_pool();
  std::expected<void, std::string> make_bound();
  Bytes job_worst_case() const;
  Bytes memory_bound() const;
  TimePoint read_clock() const;
  bool keeps_processor() const;

  const BurstMode mode_;
  const BurstOptions options_;
  const ShowBurst show_;
  const Bytes fixed_;  // what is not the ledger's: resident before, and the run's own
  const Bytes rss_base_;

  core::Context context_;  // cancelled from outside
  bounds::Ledger ledger_;
  core::Limit helpers_;                   // the watch, the pool's keeper and its limiter
  std::unique_ptr<bounds::Bound> bound_;  // of the naive run's tasks
  std::unique_ptr<bounds::Pool> pool_;
  std::optional<admission::PoolLimiter> limiter_;  // of the adaptive run
  std::optional<JobMemory> memory_;
  std::optional<Schedule> schedule_;

  // The generator writes, the watch reads; relaxed: they order nothing.
  std::atomic<std::uint64_t> submitted_{0};
  std::atomic<std::uint64_t> rejected_{0};
  std::atomic<Duration::rep> lag_ns_{0};
  Histogram lag_;  // the generator's
  TimePoint generated_until_{};
  // Read by the generator.
  std::atomic<bool> stop_{false};
  std::atomic<bool> stopped_by_cap_{false};

  HistogramShards job_ms_;
  HistogramShards total_ms_;
  std::atomic<std::uint64_t> rss_sampled_peak_{0};
  TimePoint ended_at_{};
};

}  // namespace weir::load::internal

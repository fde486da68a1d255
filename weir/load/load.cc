#include "weir/load/load.h"

#include <utility>

#include "weir/load/internal/load_run.h"

namespace weir::load {

void LoadInterval::set_latency(const Histogram& latency) {
  p50 = latency.quantile(0.5);
  p90 = latency.quantile(0.9);
  p99 = latency.quantile(0.99);
  p999 = latency.quantile(0.999);
  max = latency.max();
  buckets = latency.parts().buckets;
}

void LoadInterval::set_ended(const LoadCounts& counts) {
  set_latency(counts.all.whole());
  good_buckets = counts.all.of(LoadClass::good).parts().buckets;
  for (std::size_t i = 0; i < kLoadClasses; ++i) ended[i] = counts.all.latency[i].count();
  for (std::size_t i = 0; i < counts.statuses.size(); ++i) {
    if (counts.statuses[i] != 0) statuses.emplace_back(static_cast<int>(i), counts.statuses[i]);
  }
  for (std::size_t i = 0; i < counts.reasons.size(); ++i) {
    if (counts.reasons[i] != 0) reasons.emplace_back(static_cast<Reason>(i), counts.reasons[i]);
  }
}

double LoadResult::timely_share() const {
  const std::uint64_t due = counts.due();
  return due == 0 ? 0 : static_cast<double>(counts.timely) / static_cast<double>(due);
}

double LoadResult::punctual_share() const {
  return counts.sent == 0 ? 0 : static_cast<double>(counts.timely) / static_cast<double>(counts.sent);
}

core::task<std::expected<LoadResult, std::string>> run_load(core::Context& context, LoadOptions options,
                                                            ShowLoad show) {
  internal::LoadRun run(context, std::move(options), std::move(show));
  co_return co_await run.run();
}

}  // namespace weir::load

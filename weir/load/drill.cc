#include "weir/load/drill.h"

#include <algorithm>
#include <utility>

#include "weir/load/internal/drill_run.h"

namespace weir::load {

bool DrillResult::passed() const { return !interrupted && std::ranges::all_of(checks, &DrillCheck::passed); }

bool DrillResult::inconclusive() const { return std::ranges::any_of(checks, &DrillCheck::inconclusive); }

std::optional<Duration> recovery_of(const LoadResult& result, Duration since, const Objective& objective) {
  std::optional<Duration> normal;
  for (const LoadInterval& interval : result.intervals) {
    const Duration begin = interval.at - interval.span;
    if (begin < since) continue;
    // Once the plan is over there are only the slowest, by which nothing is judged.
    if (result.planned > Duration::zero() && begin >= result.planned) continue;
    const std::uint64_t ended = interval.ended[0] + interval.ended[1] + interval.ended[2];
    const bool good =
        static_cast<double>(interval.ended[0]) >= objective.good_share * static_cast<double>(ended);
    if (good && interval.p99 <= objective.p99 && interval.not_sent == 0) {
      if (!normal) normal = begin - since;
    } else {
      normal.reset();
    }
  }
  return normal;
}

core::task<std::expected<DrillResult, std::string>> run_drill(core::Context& context, DrillOptions options,
                                                              ShowDrill show) {
  internal::DrillRun drill(context, std::move(options), std::move(show));
  co_return co_await drill.run();
}

}  // namespace weir::load

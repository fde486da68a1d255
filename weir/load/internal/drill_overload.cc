// More than a server can do: twice its knee, and five times of it with a rest.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weir/base/units.h"
#include "weir/load/internal/drill_run.h"

namespace weir::load::internal {

core::task<DrillRun::Done> DrillRun::overload() {
  const DrillOptions::Overload& asked = options_.overload;
  const double rate = asked.times * *result_.knee;
  auto measured =
      co_await measure(fmt::format("overload: {:.0f}/s", rate), piece(rate, options_.warm_up + asked.length));
  if (!measured) co_return std::unexpected(measured.error());
  const LoadResult& run = result_.overload.emplace(std::move(*measured));
  if (context_.cancelled()) co_return {};
  const RateOutcome outcome = outcome_of(run);
  const double share = outcome.good_per_s / *result_.knee;
  add("overload: goodput", share >= asked.goodput_min, run,
      fmt::format("{:.0f} good replies a second, {:.2f} of the knee; at least {:.2f}", outcome.good_per_s,
                  share, asked.goodput_min));
  add("overload: latency of what is admitted", outcome.p99 <= options_.search.objective.p99, run,
      fmt::format("p99 {:.1f} ms; at most {:.1f} ms", milliseconds(outcome.p99),
                  milliseconds(options_.search.objective.p99)));
  // At twice what it can do, a server that refuses nobody lets all wait.
  const bool refuses = run.counts.all.count(LoadClass::refused) > 0;
  if (refuses) {
    check_refusals("overload: refusals", run, asked.refusal_p99);
  } else {
    add("overload: refusals", false, run, "nothing was refused");
  }
  const std::uint64_t failed = run.counts.all.count(LoadClass::failed);
  const double failed_share =
      static_cast<double>(failed) / static_cast<double>(std::max<std::uint64_t>(run.counts.due(), 1));
  add("overload: failures", failed_share <= 1 - options_.search.objective.good_share, run,
      fmt::format("{} failed otherwise than by a refusal", failed));
  co_return {};
}

core::task<DrillRun::Done> DrillRun::surge() {
  const DrillOptions::Surge& asked = options_.surge;
  const double high = asked.times * *result_.knee;
  const double low = asked.rest * *result_.knee;
  const Duration until = options_.warm_up + asked.length;
  auto measured = co_await measure(fmt::format("surge: {:.0f}/s, then {:.0f}/s", high, low),
                                   piece(high, until) + "," + piece(low, asked.rest_length));
  if (!measured) co_return std::unexpected(measured.error());
  const LoadResult& run = result_.surge.emplace(std::move(*measured));
  if (context_.cancelled()) co_return {};
  result_.recovery = recovery_of(run, until, options_.search.objective);
  check_recovery("surge: recovery", run, result_.recovery, asked.recovery_max);
  check_left("surge: what is left", run, low);
  co_return {};
}

void DrillRun::check_refusals(const char* name, const LoadResult& run, Duration most) {
  const Histogram& refusals = run.counts.all.of(LoadClass::refused);
  const Duration p99 = refusals.quantile(0.99);
  add(name, refusals.count() == 0 || p99 <= most, run,
      refusals.count() == 0 ? "nothing was refused"
                            : fmt::format("{} refused, p99 {:.1f} ms; at most {:.1f} ms", refusals.count(),
                                          milliseconds(p99), milliseconds(most)));
}

void DrillRun::check_recovery(const char* name, const LoadResult& run, std::optional<Duration> recovery,
                              Duration most) {
  add(name, recovery && *recovery <= most, run,
      recovery
          ? fmt::format("normal again after {:.0f} s; at most {:.0f} s", seconds(*recovery), seconds(most))
          : "not normal again until the end");
}

// In flight at the end of the last interval that ended before the plan did: the
// generator had not yet waited for the rest.
void DrillRun::check_left(const char* name, const LoadResult& run, double rate) {
  std::uint64_t left = 0;
  for (const LoadInterval& interval : run.intervals) {
    if (interval.at <= run.planned) left = interval.inflight;
  }
  // A request that keeps the objective is there for so long at most.
  const double most = std::max(rate * seconds(options_.search.objective.p99), 1.0);
  add(name, static_cast<double>(left) <= most, run,
      fmt::format("{} requests in flight at the end; at most {:.0f}", left, most));
}

}  // namespace weir::load::internal

#include "weir/load/drill.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weir::load {
namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
double milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

// Requests that a full bound in flight keeps back are the server's doing.
bool held_by_generator(const LoadResult& result) {
  return result.punctual_share() >= LoadResult::kTimelyShareMin;
}

double good_per_s(const LoadResult& result) {
  return static_cast<double>(result.counts.all.count(LoadClass::good)) / seconds(result.measured);
}

RateOutcome outcome_of(const LoadResult& result) {
  const LoadCounts& counts = result.counts;
  const Histogram& good = counts.all.of(LoadClass::good);
  RateOutcome outcome{.p50 = good.quantile(0.5),
                      .p99 = good.quantile(0.99),
                      .good_per_s = good_per_s(result),
                      .plan_held = held_by_generator(result)};
  outcome.good_share =
      counts.due() == 0 ? 0 : static_cast<double>(good.count()) / static_cast<double>(counts.due());
  // Little's law, of the time that the server had them.
  outcome.concurrency = seconds(counts.service.sum()) / seconds(result.measured);
  return outcome;
}

class Drill {
 public:
  Drill(core::Context& context, DrillOptions options, ShowDrill show)
      : context_(context), options_(std::move(options)), show_(std::move(show)) {}

  core::task<std::expected<DrillResult, std::string>> run() {
    if (options_.knee) {
      result_.knee = options_.knee;
    } else if (auto searched = co_await search(); !searched) {
      co_return std::unexpected(searched.error());
    }
    if (result_.knee && !context_.cancelled()) {
      if (auto done = co_await overload(); !done) co_return std::unexpected(done.error());
    }
    if (result_.knee && !context_.cancelled()) {
      if (auto done = co_await surge(); !done) co_return std::unexpected(done.error());
    }
    result_.interrupted = context_.cancelled();
    co_return std::move(result_);
  }

 private:
  using Done = std::expected<void, std::string>;

  core::task<std::expected<LoadResult, std::string>> measure(std::string phase, std::string rate) {
    if (show_) show_(phase, nullptr);
    LoadOptions load = options_.load;
    auto profile = RateProfile::parse(rate, 0s);
    if (!profile) co_return std::unexpected(profile.error());
    load.plan = Arrivals(std::move(*profile), Spacing::poisson, load.seed + runs_++);
    load.warm_up = options_.warm_up;
    co_return co_await run_load(context_, std::move(load), [&](const LoadInterval& interval) {
      if (show_) show_(phase, &interval);
    });
  }

  static std::string piece(double rate, Duration length) {
    return fmt::format("{:.3f}x{}ms", rate, length / 1ms);
  }

  core::task<Done> search() {
    KneeSearch search(options_.search);
    while (const std::optional<KneeSearch::Probe> probe = search.next()) {
      auto measured = co_await measure(
          fmt::format("knee: {:.0f}/s{}", probe->rate, probe->confirms ? ", to confirm it" : ""),
          piece(probe->rate, options_.warm_up + probe->length));
      if (!measured) co_return std::unexpected(measured.error());
      if (context_.cancelled()) break;
      search.report(outcome_of(*measured));
    }
    result_.curve = search.measured();
    result_.search_ending = search.ending();
    result_.knee = search.knee();
    std::vector<ScalabilityPoint> points;
    for (const KneeSearch::Measured& each : result_.curve) {
      points.push_back({each.outcome.concurrency, each.outcome.good_per_s});
    }
    result_.law = fit_scalability(points);
    if (!context_.cancelled()) check_knee();
    co_return {};
  }

  void check_knee() {
    using enum KneeSearch::Ending;
    DrillCheck check{.name = "knee"};
    switch (result_.search_ending) {
      case found:
        check.passed = true;
        check.finding = fmt::format("{:.0f} requests a second", *result_.knee);
        break;
      case never_kept:
        check.finding = "the objective was not kept at any rate: is it meant for this server?";
        break;
      case never_exceeded:
        check.inconclusive = true;
        check.finding = "the objective was kept at the highest rate asked for (--to): the knee is above it";
        break;
      case generator:
        check.inconclusive = true;
        check.finding = "this machine could not send more: the knee is above what it can";
        break;
      case probes_used_up:
      case searching:
        check.inconclusive = true;
        check.finding = "the server is not steady: what it kept once it did not keep again";
        break;
    }
    result_.checks.push_back(std::move(check));
    // A knee that was not found is nothing to multiply.
    if (result_.search_ending != found) result_.knee.reset();
  }

  core::task<Done> overload() {
    const double rate = options_.overload * *result_.knee;
    auto measured = co_await measure(fmt::format("overload: {:.0f}/s", rate),
                                     piece(rate, options_.warm_up + options_.overload_length));
    if (!measured) co_return std::unexpected(measured.error());
    const LoadResult& run = result_.overload.emplace(std::move(*measured));
    if (context_.cancelled()) co_return {};
    const RateOutcome outcome = outcome_of(run);
    const double share = outcome.good_per_s / *result_.knee;
    add("overload: goodput", share >= options_.goodput_min, run,
        fmt::format("{:.0f} good replies a second, {:.2f} of the knee; at least {:.2f}", outcome.good_per_s,
                    share, options_.goodput_min));
    add("overload: latency of what is admitted", outcome.p99 <= options_.search.objective.p99, run,
        fmt::format("p99 {:.1f} ms; at most {:.1f} ms", milliseconds(outcome.p99),
                    milliseconds(options_.search.objective.p99)));
    const Histogram& refusals = run.counts.all.of(LoadClass::refused);
    add("overload: refusals", refusals.count() > 0 && refusals.quantile(0.99) <= options_.refusal_p99, run,
        refusals.count() == 0
            ? "nothing was refused"
            : fmt::format("{} refused, p99 {:.1f} ms; at most {:.1f} ms", refusals.count(),
                          milliseconds(refusals.quantile(0.99)), milliseconds(options_.refusal_p99)));
    const std::uint64_t failed = run.counts.all.count(LoadClass::failed);
    const double failed_share =
        static_cast<double>(failed) / static_cast<double>(std::max<std::uint64_t>(run.counts.due(), 1));
    add("overload: failures", failed_share <= 1 - options_.search.objective.good_share, run,
        fmt::format("{} failed otherwise than by a refusal", failed));
    co_return {};
  }

  core::task<Done> surge() {
    const double high = options_.surge * *result_.knee;
    const double low = options_.rest * *result_.knee;
    const Duration until = options_.warm_up + options_.surge_length;
    auto measured = co_await measure(fmt::format("surge: {:.0f}/s, then {:.0f}/s", high, low),
                                     piece(high, until) + "," + piece(low, options_.rest_length));
    if (!measured) co_return std::unexpected(measured.error());
    const LoadResult& run = result_.surge.emplace(std::move(*measured));
    if (context_.cancelled()) co_return {};
    result_.recovery = recovery_of(run, until, options_.search.objective);
    add("surge: recovery", result_.recovery && *result_.recovery <= options_.recovery_max, run,
        result_.recovery ? fmt::format("normal {:.0f} s after the surge; at most {:.0f} s",
                                       seconds(*result_.recovery), seconds(options_.recovery_max))
                         : fmt::format("not normal again within {:.0f} s", seconds(options_.rest_length)));
    co_return {};
  }

  // A check of a run whose plan was not held says nothing.
  void add(const char* name, bool passed, const LoadResult& run, std::string finding) {
    const bool held = held_by_generator(run);
    if (!held) {
      finding +=
          fmt::format("; but only {:.2f}% of the requests were sent on time", 100 * run.punctual_share());
    }
    result_.checks.push_back(
        {.name = name, .passed = passed && held, .inconclusive = !held, .finding = std::move(finding)});
  }

  core::Context& context_;
  const DrillOptions options_;
  const ShowDrill show_;
  std::uint64_t runs_ = 0;
  DrillResult result_;
};

}  // namespace

bool DrillResult::passed() const { return !interrupted && std::ranges::all_of(checks, &DrillCheck::passed); }

bool DrillResult::inconclusive() const { return std::ranges::any_of(checks, &DrillCheck::inconclusive); }

std::optional<Duration> recovery_of(const LoadResult& result, Duration since, const Objective& objective) {
  std::optional<Duration> normal;
  for (const LoadInterval& interval : result.intervals) {
    if (interval.at - interval.span < since) continue;
    const std::uint64_t ended = interval.ended[0] + interval.ended[1] + interval.ended[2];
    const bool good =
        static_cast<double>(interval.ended[0]) >= objective.good_share * static_cast<double>(ended);
    if (good && interval.p99 <= objective.p99 && interval.not_sent == 0) {
      if (!normal) normal = interval.at - interval.span - since;
    } else {
      normal.reset();
    }
  }
  return normal;
}

core::task<std::expected<DrillResult, std::string>> run_drill(core::Context& context, DrillOptions options,
                                                              ShowDrill show) {
  Drill drill(context, std::move(options), std::move(show));
  co_return co_await drill.run();
}

}  // namespace weir::load

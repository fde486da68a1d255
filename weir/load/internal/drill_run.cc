#include "weir/load/internal/drill_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weir/base/units.h"
#include "weir/core/scope.h"

namespace weir::load::internal {

bool held_by_generator(const LoadResult& result) {
  return result.punctual_share() >= LoadResult::kTimelyShareMin;
}

RateOutcome outcome_of(const LoadResult& result) {
  const LoadCounts& counts = result.counts;
  const Histogram& good = counts.all.of(LoadClass::good);
  RateOutcome outcome{.p50 = good.quantile(0.5),
                      .p99 = good.quantile(0.99),
                      .good_per_s = static_cast<double>(good.count()) / seconds(result.measured),
                      .plan_held = held_by_generator(result)};
  outcome.good_share =
      counts.due() == 0 ? 0 : static_cast<double>(good.count()) / static_cast<double>(counts.due());
  // Little's law, of the time that the server had them.
  outcome.concurrency = seconds(counts.service.sum()) / seconds(result.measured);
  return outcome;
}

DrillRun::DrillRun(core::Context& context, DrillOptions options, ShowDrill show)
    : context_(context), options_(std::move(options)), show_(std::move(show)) {}

core::task<std::expected<DrillResult, std::string>> DrillRun::run() {
  Done done;
  if (options_.watch) {
    ServerWatch watch(*options_.watch);
    if (auto reached = co_await watch.reach(context_); !reached) co_return std::unexpected(reached.error());
    (void)co_await core::with_scope(context_, [&](core::Scope& scope) -> core::task<> {
      scope.spawn(*helpers_.try_acquire(), watch.keep(scope.context()));
      done = co_await parts();
      scope.cancel();
    });
    result_.readings = watch.readings();
  } else {
    done = co_await parts();
  }
  if (!done) co_return std::unexpected(done.error());
  if (options_.watch && !context_.cancelled()) check_server();
  result_.interrupted = context_.cancelled();
  co_return std::move(result_);
}

core::task<DrillRun::Done> DrillRun::parts() {
  if (options_.knee) {
    result_.knee = options_.knee;
  } else if (auto searched = co_await search(); !searched) {
    co_return searched;
  }
  // Nothing to multiply.
  if (!result_.knee) co_return {};
  if (options_.overload.wanted && !context_.cancelled()) {
    if (auto done = co_await overload(); !done) co_return done;
  }
  if (options_.surge.wanted && !context_.cancelled()) {
    if (auto done = co_await surge(); !done) co_return done;
  }
  if (options_.disturbance && !context_.cancelled()) co_return co_await chaos();
  co_return {};
}

core::task<std::expected<LoadResult, std::string>> DrillRun::measure(std::string phase, std::string rate) {
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

std::string DrillRun::piece(double rate, Duration length) {
  return fmt::format("{:.3f}x{}ms", rate, length / 1ms);
}

core::task<DrillRun::Done> DrillRun::search() {
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
  may_be_higher_ = search.may_be_higher();
  std::vector<ScalabilityPoint> points;
  for (const KneeSearch::Measured& each : result_.curve) {
    if (each.outcome.plan_held) points.push_back({each.outcome.concurrency, each.outcome.good_per_s});
  }
  result_.law = fit_scalability(points);
  if (!context_.cancelled()) check_knee();
  co_return {};
}

void DrillRun::check_knee() {
  using enum KneeSearch::Ending;
  DrillCheck check{.name = "knee"};
  switch (result_.search_ending) {
    case found:
      check.passed = *result_.knee >= options_.knee_min;
      check.finding = fmt::format("{:.0f} requests a second", *result_.knee);
      if (may_be_higher_) check.finding += "; maybe higher: what was too much was not sent on time either";
      if (options_.knee_min > 0) check.finding += fmt::format("; at least {:.0f}", options_.knee_min);
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
  if (result_.search_ending != found) result_.knee.reset();
}

void DrillRun::add(const char* name, bool passed, const LoadResult& run, std::string finding) {
  const bool held = held_by_generator(run);
  if (!held) {
    finding +=
        fmt::format("; but only {:.2f}% of the requests were sent on time", 100 * run.punctual_share());
  }
  result_.checks.push_back(
      {.name = name, .passed = passed && held, .inconclusive = !held, .finding = std::move(finding)});
}

}  // namespace weir::load::internal

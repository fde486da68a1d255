// Below the knee, while something goes wrong beside the server.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weir/base/units.h"
#include "weir/core/now.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/load/internal/drill_run.h"

namespace weir::load::internal {
namespace {

struct Served {
  std::uint64_t due = 0;
  std::uint64_t good = 0;
};

// In the intervals that lie within.
Served served_between(const LoadResult& run, Duration from, Duration to) {
  Served served;
  for (const LoadInterval& interval : run.intervals) {
    if (interval.at - interval.span < from || interval.at > to) continue;
    served.due += interval.due;
    served.good += interval.ended[0];
  }
  return served;
}

}  // namespace

core::task<DrillRun::Done> DrillRun::chaos() {
  const DrillOptions::Chaos& asked = options_.chaos;
  const double rate = asked.times * *result_.knee;
  const Duration lead = options_.warm_up + asked.lead;
  const Duration length = lead + options_.disturbance->length + asked.rest_length;
  std::expected<LoadResult, std::string> measured = std::unexpected("did not run");
  (void)co_await core::with_scope(context_, [&](core::Scope& scope) -> core::task<> {
    scope.spawn(*helpers_.try_acquire(), disturb(scope.context(), lead));
    measured = co_await measure(fmt::format("chaos: {:.0f}/s", rate), piece(rate, length));
    scope.cancel();
  });
  if (!measured) co_return std::unexpected(measured.error());
  const LoadResult& run = result_.chaos.emplace(std::move(*measured));
  if (context_.cancelled()) co_return {};
  result_.disturbed = {began_ - run.started, ended_ - run.started};
  result_.checks.push_back(
      {.name = "chaos: faults",
       .passed = disturbed_.has_value(),
       .finding = disturbed_ ? fmt::format("{:.1f} s of them, as asked", seconds(ended_ - began_))
                             : disturbed_.error()});
  check_served(run);
  check_refusals("chaos: refusals", run, asked.refusal_p99);
  check_recovery("chaos: recovery", run,
                 recovery_of(run, result_.disturbed.second, options_.search.objective), asked.recovery_max);
  check_left("chaos: what is left", run, rate);
  co_return {};
}

core::task<> DrillRun::disturb(core::Context& context, Duration lead) {
  disturbed_ = std::unexpected("it was not over when the run was");
  if (!co_await core::sleep_for(context, lead)) co_return;
  if (show_) show_("chaos: faults begin", nullptr);
  began_ = ended_ = core::now();
  disturbed_ = co_await options_.disturbance->play(context);
  ended_ = core::now();
  if (show_) show_("chaos: faults are over", nullptr);
}

void DrillRun::check_served(const LoadResult& run) {
  const auto [from, to] = result_.disturbed;
  const Served served = served_between(run, from, to);
  const double share =
      served.due == 0 ? 1 : static_cast<double>(served.good) / static_cast<double>(served.due);
  add("chaos: some are served", share >= options_.chaos.good_min, run,
      fmt::format("{} of {} that were due meanwhile; at least {:.0f}%", served.good, served.due,
                  100 * options_.chaos.good_min));
}

}  // namespace weir::load::internal

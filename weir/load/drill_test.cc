#include "weir/load/drill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "weir/core/limit.h"
#include "weir/core/sleep.h"
#include "weir/http/server.h"
#include "weir/load/internal/testing.h"

namespace weir::load {
namespace {

using testing::HasSubstr;

LoadInterval interval(Duration at, std::uint64_t good, std::uint64_t refused, Duration p99) {
  LoadInterval made{.at = at, .span = 1s, .p99 = p99};
  made.ended = {good, refused, 0};
  return made;
}

TEST(Recovery, CountsFromTheEndOfTheSurgeToTheFirstOfTheLastNormalSeconds) {
  LoadResult result(0);
  result.intervals = {interval(1s, 10, 90, 1ms), interval(2s, 10, 0, 900ms), interval(3s, 10, 0, 5ms),
                      interval(4s, 9, 1, 5ms),   interval(5s, 10, 0, 5ms),   interval(6s, 10, 0, 5ms)};
  const Objective objective{.p99 = 100ms, .good_share = 0.99};
  EXPECT_EQ(recovery_of(result, 1s, objective), 3s);
  EXPECT_EQ(recovery_of(result, 4s, objective), 0s);
  result.intervals.push_back(interval(7s, 10, 0, 200ms));
  EXPECT_EQ(recovery_of(result, 1s, objective), std::nullopt);
}

// A server with so many workers, each busy with a request for so long, that
// refuses what finds none free.
class BoundedServer final : public http::Handler {
 public:
  BoundedServer(std::uint64_t workers, Duration work)
      : workers_({.name = "workers", .limit = workers}), work_(work) {}

  core::task<void> handle(http::Exchange& exchange) override {
    const Result<core::Permit> permit = workers_.try_acquire();
    if (permit && !co_await core::sleep_for(exchange.context(), work_)) co_return;
    (void)co_await exchange.respond({.status = permit ? 200 : 503}, "done");
  }

 private:
  core::Limit workers_;
  const Duration work_;
};

std::expected<DrillResult, std::string> drilled(http::Handler& handler, DrillOptions options) {
  std::expected<DrillResult, std::string> result = std::unexpected("did not run");
  internal::with_server(handler, [&](core::Context& context, const net::SocketAddress& at) -> core::task<> {
    options.load.target = at;
    result = co_await run_drill(context, options, {});
  });
  return result;
}

DrillOptions brief() {
  DrillOptions options{
      .load = {.authority = "test",
               .mix = RequestMix({{.name = "all", .target = TemplateText::parse("/").value()}}),
               .inflight_max = 500,
               .timeout = 5s,
               // However late: this is not about the machine.
               .timely = 1min},
      .warm_up = 100ms,
      .overload_length = 1s,
      .surge_length = 1s,
      .rest_length = 1s};
  options.search = {
      .from = 20, .lowest = 10, .precision = 0.5, .step = 300ms, .hold = 500ms, .objective = {.p99 = 1s}};
  return options;
}

TEST(Drill, GoesThroughAllItsPartsAndChecksEach) {
  BoundedServer server(10, 50ms);
  const auto result = drilled(server, brief());
  ASSERT_TRUE(result) << result.error();
  EXPECT_FALSE(result->interrupted);
  EXPECT_FALSE(result->curve.empty());
  ASSERT_TRUE(result->knee);
  EXPECT_LT(*result->knee, 400);  // 10 workers do 200 a second
  ASSERT_TRUE(result->overload);
  ASSERT_TRUE(result->surge);
  // Five times the knee is far above what the workers can do.
  EXPECT_GT(result->surge->counts.all.count(LoadClass::refused), 0u);
  std::vector<std::string> names;
  for (const DrillCheck& check : result->checks) {
    names.push_back(check.name);
    EXPECT_FALSE(check.inconclusive) << check.name;
    EXPECT_FALSE(check.finding.empty());
  }
  EXPECT_THAT(names,
              testing::ElementsAre("knee", "overload: goodput", "overload: latency of what is admitted",
                                   "overload: refusals", "overload: failures", "surge: recovery"));
}

TEST(Drill, AServerThatNeverKeepsTheObjectiveEndsItThere) {
  BoundedServer server(10, 50ms);
  DrillOptions options = brief();
  options.search.objective.p99 = 1ms;  // a request takes 50
  const auto result = drilled(server, options);
  ASSERT_TRUE(result) << result.error();
  EXPECT_EQ(result->search_ending, KneeSearch::Ending::never_kept);
  EXPECT_FALSE(result->overload);
  ASSERT_EQ(result->checks.size(), 1u);
  EXPECT_FALSE(result->passed());
  EXPECT_THAT(result->checks[0].finding, HasSubstr("not kept at any rate"));
}

TEST(Drill, WithAKnownKneeItDoesNotSearch) {
  BoundedServer server(10, 50ms);
  DrillOptions options = brief();
  options.knee = 50;
  const auto result = drilled(server, options);
  ASSERT_TRUE(result) << result.error();
  EXPECT_TRUE(result->curve.empty());
  EXPECT_EQ(result->checks.size(), 5u);
  EXPECT_NEAR(static_cast<double>(result->overload->counts.due()), 100, 60);  // 1 s of 100/s, Poisson
}

}  // namespace
}  // namespace weir::load

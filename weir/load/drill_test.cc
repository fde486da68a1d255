#include "weir/load/drill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
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
  // What was late after the plan had ended is no second of it.
  result.planned = 6s;
  EXPECT_EQ(recovery_of(result, 1s, objective), 3s);
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
    if (options.watch) options.watch->address = at;
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
      .overload = {.length = 1s},
      .surge = {.length = 1s, .rest_length = 1s}};
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
  EXPECT_THAT(names, testing::ElementsAre("knee", "overload: goodput",
                                          "overload: latency of what is admitted", "overload: refusals",
                                          "overload: failures", "surge: recovery", "surge: what is left"));
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
  EXPECT_EQ(result->checks.size(), 6u);
  EXPECT_NEAR(static_cast<double>(result->overload->counts.due()), 100, 60);  // 1 s of 100/s, Poisson
}

// Between the instants at which it begins and ends to fail, a server answers
// nothing but 503.
class FailingServer final : public http::Handler {
 public:
  core::task<void> handle(http::Exchange& exchange) override {
    (void)co_await exchange.respond({.status = failing ? 503 : 200}, "done");
  }
  std::atomic<bool> failing{false};
};

DrillOptions with_chaos(Disturbance disturbance) {
  DrillOptions options = brief();
  options.knee = 400;
  options.overload.wanted = options.surge.wanted = false;
  options.disturbance = std::move(disturbance);
  // Whole seconds, so that intervals begin and end with them.
  options.warm_up = 1s;
  options.chaos = {.lead = 1s, .rest_length = 3s, .recovery_max = 2s};
  return options;
}

std::map<std::string, bool> verdicts(const DrillResult& result) {
  std::map<std::string, bool> passed;
  for (const DrillCheck& check : result.checks) passed[check.name] = check.passed;
  return passed;
}

TEST(Drill, UnderChaosItIsToldWhatWasServedAndWhetherItRecovered) {
  FailingServer server;
  const auto result = drilled(
      server,
      with_chaos(
          {.length = 2s, .play = [&](core::Context& context) -> core::task<std::expected<void, std::string>> {
             server.failing = true;
             (void)co_await core::sleep_for(context, 2s);
             server.failing = false;
             co_return {};
           }}));
  ASSERT_TRUE(result) << result.error();
  EXPECT_EQ(verdicts(*result), (std::map<std::string, bool>{{"chaos: faults", true},
                                                            {"chaos: some are served", false},
                                                            {"chaos: refusals", true},
                                                            {"chaos: recovery", true},
                                                            {"chaos: what is left", true}}));
  EXPECT_GT(result->chaos->counts.all.count(LoadClass::refused), 100u);
  EXPECT_GE(result->disturbed.first, 1s);
  EXPECT_GE(result->disturbed.second - result->disturbed.first, 2s);
}

TEST(Drill, AServerThatDoesNotRecoverFromChaosIsAFinding) {
  FailingServer server;
  const auto result = drilled(
      server,
      with_chaos({.length = 1s, .play = [&](core::Context&) -> core::task<std::expected<void, std::string>> {
                    server.failing = true;
                    co_return std::unexpected("the fault could not be lifted");
                  }}));
  ASSERT_TRUE(result) << result.error();
  const auto passed = verdicts(*result);
  EXPECT_FALSE(passed.at("chaos: faults"));
  EXPECT_FALSE(passed.at("chaos: recovery"));
  EXPECT_FALSE(result->passed());
}

// Says of itself that so many of 10 are inside, and tells of ever more tasks.
class TellingServer final : public http::Handler {
 public:
  explicit TellingServer(int inside) : inside_(inside) {}
  core::task<void> handle(http::Exchange& exchange) override {
    const int tasks = exchange.request().target == "/metrics" ? tasks_ += 5 : 0;
    (void)co_await exchange.respond(
        {.status = 200}, "weir_bound_limit{bound=\"inflight\"} 10\nweir_bound_in_use{bound=\"inflight\"} " +
                             std::to_string(inside_) + "\nweir_runtime_tasks " + std::to_string(tasks) +
                             "\n");
  }

 private:
  const int inside_;
  std::atomic<int> tasks_{0};
};

TEST(Drill, ThePromisesOfBoundsAreHeldAgainstWhatTheServerSays) {
  const auto told = [](int inside, double tasks_max) {
    TellingServer server(inside);
    DrillOptions options =
        with_chaos({.length = 1s, .play = [](core::Context&) -> core::task<std::expected<void, std::string>> {
                      co_return {};
                    }});
    options.chaos.rest_length = 1s;
    options.chaos.tasks_max = tasks_max;
    options.watch = ServerWatch::Options{.authority = "test", .every = 50ms};
    const auto result = drilled(server, options);
    EXPECT_TRUE(result) << result.error();
    const auto passed = verdicts(*result);
    return std::pair(passed.at("bounds hold"), passed.at("chaos: tasks"));
  };
  EXPECT_EQ(told(10, 1e9), std::pair(true, true));
  EXPECT_EQ(told(11, 0), std::pair(false, false));
}

}  // namespace
}  // namespace weir::load

#include "weir/chaos/process_faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::chaos {
namespace {

using ::testing::IsEmpty;

Scenario scenario_of(std::string_view events) {
  const ScenarioParsed parsed = parse_scenario("f", events);
  EXPECT_TRUE(parsed) << parsed.error().text(service::Colour::no);
  return parsed ? parsed->scenario : Scenario{};
}

struct Played {
  ScenarioRecord record;
  bounds::Ledger ledger;
  std::uint64_t tasks_most = 0, memory_most = 0;

  void look() {
    if (const auto row = ledger.find("chaos-tasks")) tasks_most = std::max(tasks_most, row->in_use);
    if (const auto row = ledger.find("chaos-memory")) {
      memory_most = std::max(memory_most, row->in_use * row->each.count);
    }
  }
};

void play_simulated(const Scenario& scenario, testing::FaultInjector& points, Played& played,
                    const std::function<core::task<>(core::Context&)>& beside) {
  core::Simulation simulation({.seed = 3});
  core::Runtime runtime({.processors = 2, .simulation = &simulation});
  core::Limit tasks({.name = "beside", .limit = 1});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    root.spawn(tasks.try_acquire().value(), beside(root.context()));
    played.record = co_await play_in_process(root.context(), scenario,
                                             {.points = points, .ledger = played.ledger, .proxies = {}},
                                             [&](const EventRecord&) { played.look(); });
  }));
  EXPECT_THAT(played.ledger.snapshot(), IsEmpty());
}

core::task<> nothing(core::Context&) { co_return; }

core::task<> pass_every(core::Context& context, testing::FaultPoint& point, Duration pause, int times,
                        int& failed, Duration& longest) {
  for (int i = 0; i < times; ++i) {
    const TimePoint start = core::now();
    if (!co_await testing::fault_point(context, point)) ++failed;
    longest = std::max(longest, core::now() - start);
    (void)co_await core::sleep_for(context, pause);
  }
}

TEST(PlayInProcess, SetsAndLiftsFaultsAtPoints) {
  const Scenario scenario = scenario_of(
      "events:\n- {at: 1s, for: 2s, point: db.query, fault: delay, delay: 30ms}\n"
      "- {at: 5s, for: 1s, point: db.query, fault: error, error: disconnected/reset, every: 2}\n");
  testing::FaultPoint point("db.query");
  testing::FaultInjector points({&point});
  int failed = 0;
  Duration longest{};
  Played played;
  play_simulated(scenario, points, played, [&](core::Context& context) {
    return pass_every(context, point, 10ms, 1000, failed, longest);
  });
  ASSERT_FALSE(played.record.error);
  const FaultCounts& delay = played.record.events[0].counts;
  EXPECT_NEAR(static_cast<double>(delay.hits), 50, 3);  // one each 40 ms
  EXPECT_EQ(delay.delay_asked, delay.delays * 30ms);
  EXPECT_GE(delay.delay_achieved, delay.delay_asked);
  EXPECT_LE(delay.delay_achieved, delay.delay_asked + delay.delays * 1ms);
  const FaultCounts& error = played.record.events[1].counts;
  EXPECT_NEAR(static_cast<double>(error.passes), 100, 3);
  EXPECT_EQ(error.hits, error.passes / 2);
  EXPECT_EQ(static_cast<std::uint64_t>(failed), error.hits);
  EXPECT_LE(longest, 31ms);
  EXPECT_TRUE(point.quiet());
}

TEST(PlayInProcess, HoldsASpikeAndMemoryUnderBoundsOfTheirOwn) {
  const Scenario scenario = scenario_of(
      "events:\n- {at: 1s, for: 2s, fault: tasks, count: 5000}\n"
      "- {at: 2s, for: 2s, fault: memory, bytes: 8MiB}\n");
  testing::FaultInjector points;
  Played played;
  play_simulated(scenario, points, played, nothing);
  ASSERT_FALSE(played.record.error) << played.record.error->message();
  EXPECT_EQ(played.tasks_most, 5000u);
  EXPECT_EQ(played.memory_most, mebibytes(8).count);
  EXPECT_EQ(played.record.events[0].counts.tasks, 5000u);
  EXPECT_EQ(played.record.events[1].counts.bytes, mebibytes(8).count);
}

TEST(PlayInProcess, EndsAllWhereThePressureIsMoreThanTheMachineHas) {
  const Scenario scenario = scenario_of(
      "events:\n- {at: 1s, for: 9s, fault: tasks, count: 100}\n"
      "- {at: 2s, for: 2s, fault: memory, bytes: 1TiB}\n");
  testing::FaultInjector points;
  Played played;
  play_simulated(scenario, points, played, nothing);
  ASSERT_TRUE(played.record.error);
  EXPECT_EQ(played.record.error->kind, ErrorKind::overloaded);
  EXPECT_LE(played.record.length, 3s);
  ASSERT_TRUE(played.record.events[0].until);
  EXPECT_FALSE(played.record.events[1].from);
}

TEST(PlayInProcess, GivesEverythingBackWhenItIsCancelled) {
  const Scenario scenario = scenario_of(
      "events:\n- {at: 0s, for: 1h, fault: tasks, count: 3000}\n"
      "- {at: 0s, for: 1h, fault: memory, bytes: 4MiB}\n"
      "- {at: 0s, for: 1h, point: db.query, fault: delay, delay: 1h}\n");
  testing::FaultPoint point("db.query");
  testing::FaultInjector points({&point});
  bounds::Ledger ledger;
  ScenarioRecord record;
  int changes = 0;
  core::Runtime runtime({.processors = 2});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context context(root.context());
    std::atomic<int> in{0};
    record = co_await play_in_process(context, scenario, {.points = points, .ledger = ledger, .proxies = {}},
                                      [&](const EventRecord& change) {
                                        if (!change.until && ++in == 3) context.cancel();
                                      });
    changes = in.load();
  }));
  EXPECT_EQ(changes, 3);
  ASSERT_TRUE(record.error);
  EXPECT_EQ(record.error->kind, ErrorKind::cancelled);
  for (const EventRecord& event : record.events) EXPECT_TRUE(event.until);
  EXPECT_TRUE(point.quiet());
  EXPECT_THAT(ledger.snapshot(), IsEmpty());
}

}  // namespace
}  // namespace weir::chaos

#include "weir/chaos/scenario_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::chaos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Writes down what it is told, and what is in.
class Recorder final : public FaultTarget {
 public:
  core::task<Result<>> on(core::Context& context, const Event& event) override {
    if (event.target == slow) {
      if (Result<> slept = co_await core::sleep_for(context, 2s); !slept) co_return slept;
    }
    if (event.target == broken) co_return fail(ErrorKind::internal, Reason::system, "broken");
    in.insert(event.target);
    told.push_back("on " + event.target);
    co_return Result<>();
  }
  core::task<FaultCounts> off(const Event& event) override {
    co_await core::yield();
    in.erase(event.target);
    told.push_back("off " + event.target);
    co_return FaultCounts{.passes = 10, .hits = 4};
  }

  std::string slow, broken;
  std::multiset<std::string> in;
  std::vector<std::string> told;
};

Scenario scenario_of(std::string_view events) {
  const ScenarioParsed parsed = parse_scenario("f", events);
  EXPECT_TRUE(parsed) << parsed.error().text(service::Colour::no);
  return parsed ? parsed->scenario : Scenario{};
}

constexpr std::string_view kThree =
    "length: 20s\nevents:\n"
    "- {at: 5s, for: 10s, point: a, fault: delay, delay: 1ms}\n"
    "- {at: 1s, for: 2s, point: b, fault: error, error: internal}\n"
    "- {at: 6s, for: 1s, point: c, fault: delay, delay: 1ms}\n";

// Plays it under virtual time; cancelled after `cancel_after`.
ScenarioRecord played(const Scenario& scenario, Recorder& target, Duration cancel_after = 1h,
                      const OnChange& on_change = {}) {
  ScenarioRecord record;
  core::Simulation simulation({.seed = 7});
  core::Runtime runtime({.processors = 2, .simulation = &simulation});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context until(root.context(), core::now() + cancel_after);
    record = co_await play(until, scenario, [&](const Event&) { return &target; }, on_change);
  }));
  EXPECT_THAT(target.in, IsEmpty());
  return record;
}

TEST(Play, PutsEachFaultInAtItsTimeAndOutAtItsEnd) {
  const Scenario scenario = scenario_of(kThree);
  Recorder target;
  const ScenarioRecord record = played(scenario, target);
  EXPECT_FALSE(record.error);
  EXPECT_THAT(target.told, ElementsAre("on b", "off b", "on a", "on c", "off c", "off a"));
  ASSERT_EQ(record.events.size(), 3u);
  for (const EventRecord& event : record.events) {
    ASSERT_TRUE(event.from && event.until);
    EXPECT_GE(*event.from, event.event->at);
    EXPECT_LE(*event.from, event.event->at + 1ms);
    EXPECT_GE(*event.until, event.event->end());
    EXPECT_LE(*event.until, event.event->end() + 1ms);
    EXPECT_EQ(event.counts.hits, 4u);
  }
  EXPECT_GE(record.length, 20s);
  EXPECT_LE(record.length, 20s + 1ms);
}

TEST(Play, TakesEverythingOutWhenItsTimeIsCutShort) {
  const Scenario scenario = scenario_of(kThree);
  Recorder target;
  const ScenarioRecord record = played(scenario, target, 6500ms);
  ASSERT_TRUE(record.error);
  EXPECT_EQ(record.error->kind, ErrorKind::deadline);
  EXPECT_THAT(target.told, ElementsAre("on b", "off b", "on a", "on c", ::testing::StartsWith("off "),
                                       ::testing::StartsWith("off ")));
  EXPECT_LE(record.length, 7s);
}

TEST(Play, TakesEverythingOutWhenItIsCancelled) {
  const Scenario scenario = scenario_of(kThree);
  Recorder target;
  ScenarioRecord record;
  core::Simulation simulation({.seed = 8});
  core::Runtime runtime({.processors = 1, .simulation = &simulation});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context context(root.context());
    const OnChange cancel = [&](const EventRecord& change) {
      if (change.event->target == "a") context.cancel();
    };
    record = co_await play(context, scenario, [&](const Event&) { return &target; }, cancel);
  }));
  ASSERT_TRUE(record.error);
  EXPECT_EQ(record.error->kind, ErrorKind::cancelled);
  EXPECT_THAT(target.told, ElementsAre("on b", "off b", "on a", "off a"));
  EXPECT_FALSE(record.events[2].from);
}

TEST(Play, TakesEverythingOutWhenOneFaultCannotBePutIn) {
  const Scenario scenario = scenario_of(kThree);
  Recorder target;
  target.broken = "c";
  const ScenarioRecord record = played(scenario, target);
  ASSERT_TRUE(record.error);
  EXPECT_EQ(record.error->where, "broken");
  EXPECT_THAT(target.told, ElementsAre("on b", "off b", "on a", "off a"));
  EXPECT_TRUE(record.events[2].error);
  EXPECT_FALSE(record.events[2].from);
  EXPECT_LE(record.length, 7s);
}

TEST(Play, LetsOtherEventsBeginWhileOneIsSlowToCome) {
  const Scenario scenario = scenario_of(kThree);
  Recorder target;
  target.slow = "a";
  const ScenarioRecord record = played(scenario, target);
  EXPECT_FALSE(record.error);
  EXPECT_THAT(target.told, ElementsAre("on b", "off b", "on c", "on a", "off c", "off a"));
  EXPECT_GE(*record.events[0].from, 7s);
}

TEST(Play, TellsOfEveryChange) {
  const Scenario scenario = scenario_of(kThree);
  Recorder target;
  std::vector<std::string> changes;
  played(scenario, target, 1h, [&](const EventRecord& record) {
    changes.push_back(record.event->target + (record.until ? " out" : " in"));
  });
  EXPECT_THAT(changes, ElementsAre("b in", "b out", "a in", "c in", "c out", "a out"));
}

TEST(Play, DoesNothingWhereAnEventIsNobodys) {
  const Scenario scenario = scenario_of(kThree);
  Recorder target;
  ScenarioRecord record;
  core::Simulation simulation({.seed = 9});
  core::Runtime runtime({.processors = 1, .simulation = &simulation});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    record = co_await play(root.context(), scenario,
                           [&](const Event& event) { return event.target == "c" ? nullptr : &target; });
  }));
  ASSERT_TRUE(record.error);
  EXPECT_EQ(record.error->kind, ErrorKind::unsupported);
  EXPECT_THAT(target.told, IsEmpty());
}

TEST(ScenarioRecord, IsWrittenForPeopleAndForPrograms) {
  const Scenario scenario = scenario_of(kThree);
  ScenarioRecord record{.length = 20s};
  record.events.push_back({.event = &scenario.events[0], .from = 5s, .until = 15s});
  record.events[0].counts = {
      .passes = 100, .hits = 10, .delays = 10, .delay_asked = 10ms, .delay_achieved = 12ms};
  record.events.push_back({.event = &scenario.events[1], .error = Error{.kind = ErrorKind::invalid}});
  EXPECT_EQ(record_text(record),
            "      5.000s to    15.000s  delay at a  hit 10 of 100  delayed 1.200 ms, asked 1.000 ms\n"
            "  not put in                error at b  invalid\n");
  const std::string json = record_json(record);
  EXPECT_THAT(json, HasSubstr("{\"length_s\":20.000000,\"events\":[{\"fault\":\"delay\",\"point\":\"a\","
                              "\"asked_from_s\":5.000000,\"asked_until_s\":15.000000,\"from_s\":5.000000,"
                              "\"until_s\":15.000000,\"passes\":100,\"hits\":10,"));
  EXPECT_THAT(json, HasSubstr("\"error\":\"invalid\"}]}\n"));
}

}  // namespace
}  // namespace weir::chaos

// Right files. The mistakes a file can hold are in scenario_mistakes_test.cc.
#include "weir/chaos/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::chaos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using weir::testing::Occurrence;

Scenario parsed(std::string_view text) {
  const ScenarioParsed scenario = parse_scenario("f", text);
  EXPECT_TRUE(scenario) << scenario.error().text(service::Colour::no);
  return scenario ? scenario->scenario : Scenario{};
}

Event one_event(const std::string& event) {
  const Scenario scenario = parsed(
      "proxies: [{name: db, listen: '127.0.0.1:1', upstream: 'a:2'}, {name: web, listen: '127.0.0.1:3', "
      "upstream: 'a:4', protocol: http}]\nevents: [{at: 1s, for: 2s, " +
      event + "}]\n");
  EXPECT_EQ(scenario.events.size(), 1u);
  return scenario.events.empty() ? Event{} : scenario.events.front();
}

template <typename F>
F fault_of(const std::string& event) {
  const Event found = one_event(event);
  const F* fault = std::get_if<F>(&found.fault);
  EXPECT_NE(fault, nullptr) << event;
  return fault != nullptr ? *fault : F{};
}

TEST(Scenario, HoldsWhatItsFileSays) {
  const ScenarioParsed read = load_scenario("fuzz/corpus/chaos_scenario/all.yaml");
  ASSERT_TRUE(read) << read.error().text(service::Colour::no);
  const Scenario& scenario = read->scenario;
  EXPECT_EQ(scenario.seed, 7u);
  EXPECT_EQ(scenario.length, 60s);
  EXPECT_THAT(scenario.proxies, ElementsAre(ProxyConfig{.name = "db",
                                                        .listen = {"127.0.0.1", 15432},
                                                        .upstream = {"127.0.0.1", 5432},
                                                        .protocol = Protocol::tcp},
                                            ProxyConfig{.name = "web",
                                                        .listen = {"127.0.0.1", 18080},
                                                        .upstream = {"127.0.0.1", 8080},
                                                        .protocol = Protocol::http}));
  std::vector<std::string> described;
  for (const Event& event : scenario.events) described.push_back(describe(event));
  EXPECT_THAT(described,
              ElementsAre("delay on db", "bandwidth on db", "reset on db", "blackhole on db", "hang on db",
                          "refuse on db", "truncate on db", "status on web", "partition on db",
                          "delay at db.query", "error at db.query", "tasks", "memory"));
  EXPECT_EQ(scenario.events[0].at, 5s);
  EXPECT_EQ(scenario.events[0].end(), 15s);
  EXPECT_EQ(scenario.events[0].place, (service::Place{7, 30}));
}

TEST(Scenario, HasDefaultsForWhatIsLeftOut) {
  const Scenario scenario = parsed(
      "proxies: [{name: db, listen: '127.0.0.1:1', upstream: 'a:2'}]\n"
      "events:\n- {at: 3s, for: 4s, on: db, fault: hang}\n- {at: 0s, for: 1s, fault: tasks, count: 1}\n");
  EXPECT_EQ(scenario.seed, 1u);
  EXPECT_EQ(scenario.length, 7s);
  EXPECT_EQ(scenario.proxies.front().protocol, Protocol::tcp);
  EXPECT_EQ(scenario.events[0].occurrence, Occurrence::all());
  EXPECT_EQ(scenario.events[0].target_kind, TargetKind::proxy);
  EXPECT_EQ(scenario.events[1].target_kind, TargetKind::process);
}

TEST(Scenario, MayHaveProxiesAndNoEvents) {
  const Scenario scenario = parsed("length: 5s\nproxies: [{name: a, listen: '[::1]:0', upstream: 'b:1'}]\n");
  EXPECT_EQ(scenario.length, 5s);
  EXPECT_THAT(scenario.events, IsEmpty());
}

TEST(Scenario, ReadsEveryDistributionOfDelays) {
  using weir::testing::Delay;
  const auto delay = [](const std::string& text) {
    return fault_of<DelayFault>("point: p, fault: delay, delay: " + text).delay;
  };
  EXPECT_EQ(delay("20ms"), (Delay{.shape = weir::testing::ConstantDelay{20ms}}));
  EXPECT_EQ(delay("{uniform: {min: 1ms, max: 2ms}}"),
            (Delay{.shape = weir::testing::UniformDelay{1ms, 2ms}}));
  EXPECT_EQ(delay("{normal: {mean: 5ms, sd: 1ms}, max: 9ms}"),
            (Delay{.shape = weir::testing::NormalDelay{5ms, 1ms}, .max = 9ms}));
  EXPECT_EQ(delay("{exponential: {mean: 3ms}}"), (Delay{.shape = weir::testing::ExponentialDelay{3ms}}));
  EXPECT_EQ(delay("{pareto: {min: 1ms, shape: 1.5}}"),
            (Delay{.shape = weir::testing::ParetoDelay{1ms, 1.5}}));
}

TEST(Scenario, ReadsEveryFaultOfAProxy) {
  EXPECT_EQ(fault_of<DelayFault>("on: db, fault: delay, delay: 1ms, direction: up").direction, Direction::up);
  EXPECT_EQ(fault_of<BandwidthFault>("on: db, fault: bandwidth, rate: 64KiB/s, direction: down"),
            (BandwidthFault{kibibytes(64), Direction::down}));
  EXPECT_EQ(fault_of<ResetFault>("on: db, fault: reset"), ResetFault{});
  EXPECT_EQ(fault_of<ResetFault>("on: db, fault: reset, after: 4KiB").after, After{.bytes = kibibytes(4)});
  EXPECT_EQ(fault_of<ResetFault>("on: db, fault: reset, after: 50ms").after, After{.time = 50ms});
  EXPECT_EQ(fault_of<BlackholeFault>("on: db, fault: blackhole").direction, Direction::both);
  fault_of<HangFault>("on: web, fault: hang");
  fault_of<RefuseFault>("on: web, fault: refuse");
  EXPECT_EQ(fault_of<TruncateFault>("on: web, fault: truncate, after: 100").after, Bytes{100});
  fault_of<PartitionFault>("on: web, fault: partition");
  const RequestMatch match{
      .method = "GET", .path = "/v1/*", .header_name = "X-Tenant-ID", .header_value = "acme"};
  EXPECT_EQ(fault_of<StatusFault>("on: web, fault: status, status: 503, match: {method: GET, path: '/v1/*', "
                                  "header: 'X-Tenant-ID: acme'}"),
            (StatusFault{503, match}));
  EXPECT_EQ(fault_of<StatusFault>("on: web, fault: status, status: 500, match: {header: X-A}").match,
            RequestMatch{.header_name = "X-A"});
}

TEST(Scenario, ReadsEveryFaultInAProcess) {
  EXPECT_EQ(fault_of<ErrorFault>("point: p, fault: error, error: disconnected"),
            ErrorFault{ErrorKind::disconnected});
  EXPECT_EQ(fault_of<ErrorFault>("point: p, fault: error, error: overloaded/queue_full"),
            (ErrorFault{ErrorKind::overloaded, Reason::queue_full}));
  EXPECT_EQ(fault_of<TasksFault>("fault: tasks, count: 10000").count, 10'000u);
  EXPECT_EQ(fault_of<MemoryFault>("fault: memory, bytes: 512MiB"), MemoryFault{.bytes = mebibytes(512)});
  EXPECT_EQ(fault_of<MemoryFault>("fault: memory, share: 0.8"), MemoryFault{.share = 0.8});
}

TEST(Scenario, ReadsWhichAreHit) {
  const auto occurrence = [](const std::string& text) {
    return one_event("on: db, fault: hang, " + text).occurrence;
  };
  EXPECT_EQ(occurrence("share: 0.25"), Occurrence::share(0.25));
  EXPECT_EQ(occurrence("nth: 3"), Occurrence::nth(3));
  EXPECT_EQ(occurrence("every: 10"), Occurrence::every(10));
}

TEST(Scenario, GivesEachEventASeedOfItsOwn) {
  const std::string events =
      "events: [{at: 0s, for: 1s, point: p, fault: delay, delay: 1ms}, {at: 0s, for: 1s, point: q, fault: "
      "delay, "
      "delay: 1ms}]\n";
  const Scenario scenario = parsed("seed: 5\n" + events);
  const Scenario again = parsed("seed: 5\n" + events);
  const Scenario other = parsed("seed: 6\n" + events);
  EXPECT_NE(scenario.events[0].seed, scenario.events[1].seed);
  EXPECT_EQ(scenario.events[0].seed, again.events[0].seed);
  EXPECT_NE(scenario.events[0].seed, other.events[0].seed);
}

TEST(Scenario, MayHaveEventsOfOneKindThatDoNotMeet) {
  parsed(
      "proxies: [{name: web, listen: '127.0.0.1:3', upstream: 'a:4', protocol: http}]\nevents:\n"
      "- {at: 0s, for: 1s, on: web, fault: delay, delay: 1ms, direction: up}\n"
      "- {at: 0s, for: 1s, on: web, fault: delay, delay: 1ms, direction: down}\n"
      "- {at: 1s, for: 1s, on: web, fault: delay, delay: 1ms}\n"
      "- {at: 0s, for: 1s, on: web, fault: status, status: 500, match: {path: /a}}\n"
      "- {at: 0s, for: 1s, on: web, fault: status, status: 500, match: {path: /b}}\n"
      "- {at: 0s, for: 1s, point: a, fault: delay, delay: 1ms}\n"
      "- {at: 0s, for: 1s, point: b, fault: delay, delay: 1ms}\n");
}

TEST(RequestMatch, ComparesThePathWithoutItsQuery) {
  const auto matches = [](std::string path, std::string_view target) {
    return RequestMatch{.path = std::move(path)}.matches_path(target);
  };
  EXPECT_TRUE(matches("", "/any"));
  EXPECT_TRUE(matches("/v1/*", "/v1/"));
  EXPECT_TRUE(matches("/v1/*", "/v1/a/b?c"));
  EXPECT_FALSE(matches("/v1/*", "/v1"));
  EXPECT_TRUE(matches("/a", "/a?b=c"));
  EXPECT_FALSE(matches("/a", "/ab"));
  EXPECT_TRUE(matches("*.css", "/x/y.css?v=1"));
  EXPECT_FALSE(matches("*.css", "/x.css.map"));
  EXPECT_TRUE(matches("/*/b/*", "/a/b/b/c"));
  EXPECT_TRUE(matches("/a**", "/a"));
  EXPECT_FALSE(matches("/a*b", "/aaaa"));
}

TEST(CheckPoints, SuggestsThePointThatWasMeant) {
  ScenarioParsed read =
      parse_scenario("f",
                     "events:\n- {at: 0s, for: 1s, point: db.qurey, fault: delay, delay: 1ms}\n"
                     "- {at: 0s, for: 1s, point: cache, fault: delay, delay: 1ms}\n"
                     "- {at: 0s, for: 1s, point: db.query, fault: delay, delay: 1ms}\n");
  ASSERT_TRUE(read);
  const std::vector<std::string_view> known{"db.query", "upstream.send"};
  check_points(read->scenario, known, read->findings);
  std::vector<std::string> lines;
  for (const auto& item : read->findings.items()) lines.push_back(read->findings.line(item));
  EXPECT_THAT(
      lines,
      ElementsAre("f:2:28: error: this program has no point \"db.qurey\"; did you mean \"db.query\"?",
                  "f:3:28: error: this program has no point \"cache\"; it has db.query, upstream.send"));
}

}  // namespace
}  // namespace weir::chaos

// `weir serve --chaos`: faults on purpose inside the gateway's process, its bounds
// meanwhile, and that nothing of them stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/integration/gateway_process.h"
#include "tests/integration/temporary_file.h"
#include "tests/integration/upstream_scripts.h"
#include "tests/integration/verb.h"
#include "weir/base/units.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

BoundsFile demo_file(std::string inflight = "limit: 20") {
  return {.inflight = std::move(inflight), .upstreams = {{"u", std::string("embedded:demo")}}};
}

class ChaosGateway {
 public:
  explicit ChaosGateway(const std::string& scenario, const BoundsFile& bounds = demo_file())
      : scenario_(scenario), gateway_(bounds.text(), {"--chaos", scenario_.path()}) {}

  // Once all of these have been said.
  void wait_for(const std::vector<std::string>& words) {
    for (const std::string& text : words) {
      EXPECT_TRUE(gateway_.process().wait_for_err(text, kPatience)) << text << "\n"
                                                                    << gateway_.process().err();
    }
  }
  int status_of(std::string_view target) { return ask_once(gateway_.address(), get(target)).status; }
  GatewayProcess& gateway() { return gateway_; }

 private:
  TemporaryFile scenario_;
  GatewayProcess gateway_;
};

void expect_within(const BoundLine& line) {
  EXPECT_LE(line.in_use, line.limit);
  EXPECT_LE(line.peak, line.limit);
}

TEST(ServeChaos, KeepsTheBoundsWhileFaultsAreInAndTakesThemBackWhenItDrains) {
  ChaosGateway chaos(
      "events:\n"
      "- {at: 0s, for: 1h, fault: tasks, count: 5000}\n"
      "- {at: 0s, for: 1h, fault: memory, bytes: 16MiB}\n"
      "- {at: 0s, for: 1h, point: demo.answer, fault: delay, delay: 1h}\n",
      demo_file("limit: 2"));
  chaos.wait_for({"tasks is in", "memory is in", "delay at demo.answer is in"});
  GatewayProcess& gateway = chaos.gateway();
  RawClient first(gateway.address()), second(gateway.address());
  EXPECT_TRUE(first.send(get("/u/a")) && second.send(get("/u/b")));
  EXPECT_TRUE(becomes_true([&] { return gateway.bound("inflight").in_use == 2; }));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(chaos.status_of("/u/c"), 503);

  EXPECT_EQ(gateway.bound("inflight").refused_total, 6u);
  for (const char* name : {"inflight", "upstream:u", "connections", "demo-connections", "gateway-tasks"}) {
    expect_within(gateway.bound(name));
  }
  EXPECT_EQ(gateway.bound("chaos-tasks").in_use, 5000u);
  EXPECT_EQ(gateway.bound("chaos-memory").in_use, 1u);
  for (const char* page : {"/", "/debug/bounds?format=html"}) {
    EXPECT_THAT(gateway.page(page).body, HasSubstr("delay at demo.answer, memory, tasks</p>"));
  }

  // What waits in a delay is let go, and answered, by the drain.
  gateway.process().signal(SIGTERM);
  EXPECT_EQ(first.read_reply().status, 200);
  EXPECT_EQ(second.read_reply().status, 200);
  first.close();
  second.close();
  EXPECT_EQ(gateway.process().wait(kPatience), 0);
  EXPECT_THAT(gateway.process().err(),
              HasSubstr("before its end: cancelled at sleep; everything has been taken back"));
}

TEST(ServeChaos, LeavesNothingBehindWhenTheScenarioIsOver) {
  ChaosGateway chaos(
      "events:\n"
      "- {at: 0s, for: 100ms, fault: tasks, count: 5000}\n"
      "- {at: 0s, for: 100ms, fault: memory, bytes: 64MiB}\n"
      "- {at: 0s, for: 100ms, point: gateway.forward, fault: error, error: overloaded}\n");
  chaos.wait_for({"tasks is out", "memory is out", "error at gateway.forward is out", "CHAOS over after"});
  GatewayProcess& gateway = chaos.gateway();
  EXPECT_EQ(chaos.status_of("/u/a"), 200);
  EXPECT_TRUE(gateway.falls_idle());
  EXPECT_THAT(gateway.page("/debug/bounds").body, Not(HasSubstr("chaos-")));
  EXPECT_THAT(gateway.page("/").body, Not(HasSubstr("class=\"notice\"")));
  const std::size_t peak = gateway.process().rss_bytes_peak();
  EXPECT_GE(peak, mebibytes(64).count);
  EXPECT_LE(gateway.process().rss_bytes(), peak - mebibytes(32).count);
}

TEST(ServeChaos, FailsTheRequestsThatItsPointsChoose) {
  ChaosGateway chaos(
      "events:\n"
      "- {at: 0s, for: 1h, point: demo.answer, fault: error, error: internal, every: 3}\n"
      "- {at: 0s, for: 1h, point: gateway.forward, fault: error, error: deadline, every: 4}\n");
  chaos.wait_for({"error at demo.answer is in", "error at gateway.forward is in"});
  std::vector<int> statuses;
  for (int i = 1; i <= 8; ++i) statuses.push_back(chaos.status_of("/u/a"));
  // The fourth and eighth never reach the demo: its third and sixth are 3 and 7.
  EXPECT_THAT(statuses, ElementsAre(200, 200, 500, 504, 200, 200, 500, 504));
}

TEST(ServeChaos, RunsTheProxiesOfTheFileAndLetsThemStay) {
  Recorder recorder(ok("hello"));
  BadUpstream upstream(recorder.script());
  ChaosGateway chaos("proxies: [{name: web, listen: '127.0.0.1:0', upstream: '" +
                     upstream.address().to_string() +
                     "', protocol: http}]\n"
                     "events: [{at: 0s, for: 100ms, on: web, fault: status, status: 418}]\n");
  chaos.wait_for({"status on web is in", "CHAOS over after"});
  const std::string said = chaos.gateway().process().err();
  static constexpr std::string_view kBefore = "CHAOS: web (http) listens on ";
  const std::size_t at = said.find(kBefore);
  ASSERT_NE(at, std::string::npos) << said;
  const std::string rest = said.substr(at + kBefore.size());
  const auto proxy = net::SocketAddress::parse(rest.substr(0, rest.find(',')));
  ASSERT_TRUE(proxy);
  EXPECT_EQ(ask_once(*proxy, get("/")).body, "hello");
}

TEST(ServeChaos, RefusesAScenarioThatItCannotPlay) {
  const TemporaryFile bounds(demo_file().text());
  const TemporaryFile unknown("events: [{at: 0s, for: 1s, point: demo.anser, fault: delay, delay: 1ms}]\n");
  const Ended ended = run_verb("serve", {bounds.path(), "--chaos", unknown.path()});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr(":1:35: error: this program has no point \"demo.anser\"; did you mean "
                                   "\"demo.answer\"?"));
  EXPECT_THAT(ended.err, Not(HasSubstr("listens on")));
  const TemporaryFile wrong("events: [{at: 0s, for: 1s, fault: tasks}]\n");
  EXPECT_EQ(run_verb("serve", {bounds.path(), "--chaos", wrong.path()}).code, 2);
  EXPECT_EQ(run_verb("serve", {bounds.path(), "--chaos", "/nowhere/chaos.yaml"}).code, 2);
}

TEST(ServeChaos, GoesOnServingWhenAFaultCannotBePutIn) {
  ChaosGateway chaos(
      "events:\n"
      "- {at: 0s, for: 1h, point: gateway.forward, fault: error, error: internal}\n"
      "- {at: 100ms, for: 1h, fault: memory, bytes: 1TiB}\n");
  chaos.wait_for(
      {"before its end: overloaded: system at memory that is free; everything has been taken back"});
  EXPECT_EQ(chaos.status_of("/u/a"), 200);
}

}  // namespace
}  // namespace weir::testing

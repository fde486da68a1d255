// How the gateway ends: what is in flight is finished, nothing new begins, and
// the exit code says how it went.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

// A gateway with one request in flight, whose upstream answers when the gate opens.
struct Busy {
  explicit Busy(const std::string& drain)
      : upstream([this](BadUpstream::Peer& peer) {
          while (!peer.read_head().empty()) {
            if (!gate.wait() || !peer.write(ok("finished"))) return;
          }
        }),
        gateway({.upstreams = {{"u", upstream.address(), "inflight: 5, timeout: 60s"}}, .drain = drain}),
        client(gateway.address()) {
    client.send(get("/u/"));
    EXPECT_TRUE(gate.wait_arrived(1));
  }
  ~Busy() { gate.open(); }

  Process& process() { return gateway.process(); }
  bool accepts() const { return RawClient::try_connect(gateway.address()).has_value(); }

  Gate gate;
  BadUpstream upstream;
  GatewayProcess gateway;
  RawClient client;
};

class GatewayDrain : public ::testing::TestWithParam<int> {};

TEST_P(GatewayDrain, FinishesWhatIsInFlightRefusesTheRestAndEndsWithZero) {
  Busy busy("deadline: 60s");
  busy.process().signal(GetParam());
  ASSERT_TRUE(busy.process().wait_for_err("draining", kPatience));
  EXPECT_TRUE(becomes_true([&] { return !busy.accepts(); })) << "new connections are refused";
  EXPECT_EQ(busy.gateway.page("/readyz").status, 503);
  EXPECT_EQ(busy.gateway.page("/healthz").status, 200) << "it lives";
  EXPECT_EQ(busy.gateway.bound("inflight").in_use, 1U);
  busy.gate.open();
  const Reply reply = busy.client.read_reply();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "finished");
  EXPECT_THAT(reply.field("connection"), Optional(std::string("close")));
  EXPECT_EQ(busy.process().wait(kPatience), 0) << busy.process().err();
  EXPECT_THAT(busy.process().err(), HasSubstr("drained\n"));
}

INSTANTIATE_TEST_SUITE_P(Signal, GatewayDrain, ::testing::Values(SIGTERM, SIGINT),
                         [](const auto& each) { return each.param == SIGTERM ? "Terminate" : "Interrupt"; });

TEST(GatewayDrainDelay, IsNotReadyAndStillAcceptsUntilItIsOver) {
  Busy busy("deadline: 60s, readiness_delay: 1s");
  const TimePoint start = SystemClock::read();
  busy.process().signal(SIGTERM);
  EXPECT_TRUE(becomes_true([&] { return busy.gateway.page("/readyz").status == 503; }));
  busy.gate.open();
  EXPECT_EQ(ask_once(busy.gateway.address(), get("/u/")).status, 200) << "a balancer that has not looked yet";
  EXPECT_EQ(busy.client.read_reply().status, 200);
  EXPECT_EQ(busy.process().wait(kPatience), 0) << busy.process().err();
  EXPECT_GE(SystemClock::read() - start, 1s);
}

TEST(GatewayDrainDeadline, CutsOffWhatIsNotDoneAndEndsWithZero) {
  Busy busy("deadline: 300ms");
  const TimePoint start = SystemClock::read();
  busy.process().signal(SIGTERM);
  EXPECT_EQ(busy.process().wait(kPatience), 0) << busy.process().err();
  EXPECT_GE(SystemClock::read() - start, 300ms);
  EXPECT_THAT(busy.process().err(), HasSubstr("cut off 1 connection"));
  const Reply reply = busy.client.read_reply();
  EXPECT_NE(reply.status, 200);
  EXPECT_NE(reply.ending, Ending::timed_out);
}

TEST(GatewayDrainDeadline, OfZeroCutsOffAtOnce) {
  Busy busy("deadline: 0s");
  busy.process().signal(SIGTERM);
  EXPECT_EQ(busy.process().wait(kPatience), 0) << busy.process().err();
}

TEST(GatewayDrainSecondSignal, EndsItAtOnceWith130) {
  for (const int second : {SIGINT, SIGTERM}) {
    Busy busy("deadline: 60s");
    busy.process().signal(SIGTERM);
    ASSERT_TRUE(busy.process().wait_for_err("draining", kPatience));
    busy.process().signal(second);
    EXPECT_EQ(busy.process().wait(kPatience), 130) << busy.process().err();
  }
}

TEST(GatewayDrainDelay, IsCutShortByASecondSignalToo) {
  Busy busy("deadline: 60s, readiness_delay: 60s");
  busy.process().signal(SIGTERM);
  ASSERT_TRUE(busy.process().wait_for_err("draining", kPatience));
  busy.process().signal(SIGINT);
  EXPECT_EQ(busy.process().wait(kPatience), 130) << busy.process().err();
}

TEST(GatewayDrainIdle, ConnectionsAreClosedAndHoldNothingUp) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(ok("x")); });
  GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}, .drain = "deadline: 60s"});
  RawClient used(gateway.address());
  RawClient unused(gateway.address());
  RawClient half(gateway.address());
  RawClient admin(gateway.admin());
  EXPECT_EQ(used.ask(get("/u/")).status, 200);
  EXPECT_EQ(admin.ask(get("/healthz")).status, 200);
  EXPECT_EQ(gateway.drain(), 0) << gateway.process().err();
  EXPECT_EQ(used.read_to_end(), "");
  EXPECT_EQ(used.ending(), Ending::closed);
  EXPECT_EQ(unused.read_to_end(), "");
  EXPECT_EQ(admin.read_to_end(), "");
  EXPECT_THAT(gateway.process().err(), HasSubstr("drained\n"));
}

TEST(GatewayDrainQueue, WhoWaitsInTheQueueIsServedToo) {
  Gate gate;
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      if (!gate.wait() || !peer.write(ok("finished"))) return;
    }
  });
  GatewayProcess gateway({.inflight = "limit: 1, queue: { depth: 1, wait: 30s }",
                          .upstreams = {{"u", upstream.address(), "inflight: 1, timeout: 60s"}},
                          .drain = "deadline: 60s"});
  RawClient inside(gateway.address());
  RawClient waiting(gateway.address());
  inside.send(get("/u/"));
  ASSERT_TRUE(gate.wait_arrived(1));
  waiting.send(get("/u/"));
  ASSERT_TRUE(becomes_true([&] { return gateway.bound("inflight").queue_depth == 1; }));
  gateway.process().signal(SIGTERM);
  ASSERT_TRUE(gateway.process().wait_for_err("draining", kPatience));
  gate.open();
  EXPECT_EQ(inside.read_reply().status, 200);
  EXPECT_EQ(waiting.read_reply().status, 200);
  EXPECT_EQ(gateway.process().wait(kPatience), 0) << gateway.process().err();
}

}  // namespace
}  // namespace weir::testing

// Requests that are promised instead of done, over sockets: 202 and a place to ask,
// sent once the upstream takes them, given up with a count at the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <mutex>
#include <string>
#include <vector>

#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::StartsWith;

TEST(GatewayDeferral, WhatIsRefusedIsPromisedAndSentLater) {
  Gate gate;
  std::mutex lock;
  std::vector<SeenRequest> seen;
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    while (auto request = read_request(peer)) {
      {
        const std::lock_guard guard(lock);
        seen.push_back(*request);
      }
      if (!gate.wait() || !peer.write("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok")) return;
    }
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address(),
                                               "inflight: 1, timeout: 60s, defer: { methods: POST, paths: "
                                               "/u/orders, body_bytes: 100, per_second: 1000 }"}}});
  RawClient first(gateway.address()), client(gateway.address());
  first.send(get("/u/"));
  ASSERT_TRUE(gate.wait_arrived(1));
  const Reply promised = client.ask(post("/u/orders/7", "two apples", "X-Order: 7\r\n"));
  EXPECT_EQ(promised.status, 202);
  EXPECT_EQ(promised.body, "{\"state\":\"pending\"}\n");
  EXPECT_THAT(promised.field("location"), Optional(StartsWith("/-/deferred/u/")));
  const std::string place = promised.field("location").value_or("");
  EXPECT_EQ(client.ask(get(place)).body, "{\"state\":\"pending\"}\n");
  EXPECT_THAT(gateway.metric("weir_deferred_entries{upstream=\"u\"}"), Optional(1.0));
  EXPECT_EQ(gateway.bound("deferred:u").queue_depth, 1U);
  // Neither of these is one of those that are declared.
  EXPECT_EQ(client.ask(get("/u/orders/7")).status, 503);
  EXPECT_EQ(client.ask(post("/u/other", "x")).status, 503);
  EXPECT_EQ(ask_once(gateway.address(), post("/u/orders/8", std::string(101, 'x'))).status, 503);
  gate.open();
  EXPECT_EQ(first.read_reply().status, 201);
  EXPECT_TRUE(
      becomes_true([&] { return client.ask(get(place)).body == "{\"state\":\"done\",\"status\":201}\n"; }));
  {
    const std::lock_guard guard(lock);
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_THAT(seen[1].head, StartsWith("POST /u/orders/7 HTTP/1.1\r\n"));
    EXPECT_THAT(seen[1].head, HasSubstr("X-Order: 7\r\n"));
    EXPECT_EQ(seen[1].body, "two apples");
  }
  EXPECT_EQ(client.ask(get(place + "0")).status, 404);
  EXPECT_EQ(client.ask(get("/-/deferred/other/1")).status, 404);
  EXPECT_TRUE(gateway.counts("u", "deferred", 1));
  EXPECT_THAT(gateway.metric("weir_deferred_total{upstream=\"u\",outcome=\"done\"}"), Optional(1.0));
}

// Breaks off the first connection once it has read `until`, and serves from then on.
class BreaksOffOnce {
 public:
  enum class Until : std::uint8_t { head, whole };
  explicit BreaksOffOnce(Until until) : until_(until) {}

  BadUpstream::Script script() {
    return [this](BadUpstream::Peer& peer) {
      if (first_.exchange(false)) {
        if (until_ == Until::head) {
          (void)peer.read_head();
        } else {
          (void)read_request(peer);
        }
        peer.reset();
        return;
      }
      recorder_.script()(peer);
    };
  }
  std::vector<SeenRequest> seen() const { return recorder_.seen(); }

 private:
  const Until until_;
  std::atomic<bool> first_ = true;
  Recorder recorder_{ok("done")};
};

constexpr std::string_view kDefers =
    "inflight: 5, timeout: 60s, defer: { body_bytes: 64KiB, per_second: 1000 }";

TEST(GatewayDeferral, ABodyThatWasBegunIsPromisedWhereTheUpstreamRefusesConnections) {
  const RefusingPort down;
  const GatewayProcess gateway(
      {.upstreams = {{"u", down.address(), std::string(kDefers)}}, .drain = "deadline: 200ms"});
  RawClient client(gateway.address());
  EXPECT_EQ(client.ask(post("/u/", "two apples")).status, 202);
  EXPECT_EQ(client.ask(post("/u/", pattern(64 << 10))).status, 202) << "in several pieces";
  EXPECT_EQ(client
                .ask("POST /u/ HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "3\r\ntwo\r\n7\r\n apples\r\n0\r\n\r\n")
                .status,
            202);
  EXPECT_EQ(ask_once(gateway.address(), post("/u/", std::string((64 << 10) + 1, 'x'))).status, 502);
  EXPECT_TRUE(becomes_true([&] { return gateway.bound("deferring:u").in_use == 0; }));
  EXPECT_TRUE(gateway.counts("u", "deferred", 3));
}

TEST(GatewayDeferral, WhatIsSentLaterIsTheWholeBody) {
  for (const auto until : {BreaksOffOnce::Until::head, BreaksOffOnce::Until::whole}) {
    BreaksOffOnce script(until);
    BadUpstream upstream(script.script());
    const GatewayProcess gateway({.upstreams = {{"u", upstream.address(), std::string(kDefers)}}});
    RawClient client(gateway.address());
    const std::string body = pattern(50'000);
    EXPECT_EQ(client.ask(post("/u/", body)).status, 202);
    ASSERT_TRUE(becomes_true([&] { return script.seen().size() == 1; }));
    EXPECT_EQ(script.seen()[0].body, body);
  }
}

TEST(GatewayDeferral, ABodyThatHasBeenForwardedIsHeldNoLonger) {
  Gate gate;
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    while (read_request(peer)) {
      if (!peer.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha") || !gate.wait() || !peer.write("lf"))
        return;
    }
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address(), std::string(kDefers)}}});
  RawClient client(gateway.address());
  client.send(post("/u/", "two apples"));
  ASSERT_TRUE(gate.wait_arrived(1));
  EXPECT_TRUE(becomes_true([&] { return gateway.bound("deferring:u").in_use == 0; }));
  EXPECT_EQ(gateway.bound("deferring:u").peak, 10U);
  gate.open();
  EXPECT_EQ(client.read_reply().body, "half");
}

TEST(GatewayDeferral, WhatIsTooLargeToBeDeferredGetsTheNextRung) {
  const RefusingPort down;
  const GatewayProcess gateway(
      {.upstreams = {{"u", down.address(),
                      "inflight: 5, defer: { body_bytes: 10 }, fallback: { status: 203, body: later }"}},
       .drain = "deadline: 200ms"});
  EXPECT_EQ(ask_once(gateway.address(), post("/u/", "eleven byte")).body, "later");
  EXPECT_EQ(ask_once(gateway.address(), post("/u/", "ten bytes.")).status, 202);
  EXPECT_TRUE(gateway.counts("u", "fallback", 1));
}

TEST(GatewayDeferral, AnUpstreamThatAReloadTakesAwaySendsWhatItPromised) {
  Gate gate;
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    while (read_request(peer)) {
      if (!gate.wait() || !peer.write(ok("done"))) return;
    }
  });
  const UpstreamLine stays{"v", upstream.address()};
  const UpstreamLine goes{"u", upstream.address(), "inflight: 1, timeout: 60s, defer: { per_second: 1000 }"};
  GatewayProcess gateway(BoundsFile{.upstreams = {stays, goes}}.text());
  RawClient first(gateway.address()), client(gateway.address()), admin(gateway.admin());
  first.send(get("/u/"));
  ASSERT_TRUE(gate.wait_arrived(1));
  EXPECT_EQ(client.ask(post("/u/", "kept")).status, 202);
  gateway.rewrite(BoundsFile{.upstreams = {stays}}.text());
  EXPECT_EQ(admin.ask("POST /-/reload HTTP/1.1\r\nHost: admin\r\nContent-Length: 0\r\n\r\n").status, 200);
  EXPECT_EQ(client.ask(post("/u/", "late")).status, 404);
  gate.open();
  EXPECT_EQ(first.read_reply().status, 200);
  EXPECT_TRUE(gate.wait_arrived(2)) << "what was promised";
}

TEST(GatewayDeferral, WhatIsLeftAtTheEndIsGivenUpAndCounted) {
  const RefusingPort down;
  GatewayProcess gateway(
      {.upstreams = {{"u", down.address(), "inflight: 5, defer: {}"}}, .drain = "deadline: 200ms"});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask_once(gateway.address(), post("/u/", "")).status, 202);
  gateway.process().signal(SIGTERM);
  EXPECT_TRUE(gateway.process().wait_for_err("gave up 3 deferred requests", kPatience));
  EXPECT_EQ(gateway.process().wait(kPatience), 0);
}

}  // namespace
}  // namespace weir::testing

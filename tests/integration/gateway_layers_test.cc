// What is declared before an upstream, and what is asked before a request is let in:
// breaker, retries, cache, rates, importance, over sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

std::string status_reply(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

// 503 to the first `fails` requests, then 200.
BadUpstream::Script fails_first(std::atomic<int>& fails, std::atomic<int>& asked) {
  return [&](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      ++asked;
      const bool fail = fails.fetch_sub(1) > 0;
      if (!peer.write(fail ? status_reply(500, "no") : ok("done"))) return;
    }
  };
}

TEST(GatewayLayers, ABreakerOpensAndWhatComesIsRefusedAtOnce) {
  std::atomic<int> fails{1000}, asked{0};
  BadUpstream upstream(fails_first(fails, asked));
  const GatewayProcess gateway(
      {.upstreams = {
           {"u", upstream.address(),
            "inflight: 50, breaker: { consecutive_failures: 3, open_for: 1h, open_for_max: 1h }"}}});
  RawClient client(gateway.address());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(client.ask(get("/u/")).status, 500);
  const int before = asked;
  const Reply refused = client.ask(get("/u/"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("\"reason\":\"breaker_open\""));
  EXPECT_THAT(refused.field("retry-after"), ::testing::Ne(std::nullopt));
  EXPECT_EQ(asked, before) << "the upstream was not asked";
  EXPECT_THAT(gateway.metric("circuit_breaker_state{name=\"u\"}"), Optional(2.0));
  EXPECT_TRUE(gateway.counts("u", "refused_breaker", 1));
}

TEST(GatewayLayers, WhatFailsIsTriedAgainWithinTheBudget) {
  std::atomic<int> fails{2}, asked{0};
  BadUpstream upstream(fails_first(fails, asked));
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address(),
                                               "inflight: 50, retry: { tries: 3, backoff: 0 }, "
                                               "budget: { share: 0, per_second: 1, window: 3s }"}}});
  RawClient client(gateway.address());
  EXPECT_EQ(client.ask(get("/u/")).status, 200);
  EXPECT_EQ(asked, 3);
  // What has a body is sent once.
  fails = 1;
  EXPECT_EQ(client.ask("POST /u/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").status, 500);
  // Three in three seconds, and two are spent.
  fails = 1000;
  EXPECT_EQ(client.ask(get("/u/")).status, 500);
  EXPECT_LE(asked, 3 + 1 + 2);
  EXPECT_THAT(gateway.metric("weir_upstream_retries_total{upstream=\"u\"}"), ::testing::Ne(std::nullopt));
}

TEST(GatewayLayers, ACacheAnswersWithoutTheUpstreamAndWhenItIsGone) {
  std::atomic<int> asked{0};
  auto upstream = std::make_unique<BadUpstream>([&](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      ++asked;
      if (!peer.write(ok("kept"))) return;
    }
  });
  const GatewayProcess gateway(
      {.upstreams = {{"u", upstream->address(),
                      "inflight: 50, cache: { fresh_for: 1ms, stale_if_error: 1h }, fallback: { status: 200, "
                      "body: sorry }"}}});
  RawClient client(gateway.address());
  EXPECT_EQ(client.ask(get("/u/a")).body, "kept");
  EXPECT_GE(asked, 1);
  upstream.reset();
  EXPECT_TRUE(becomes_true([&] {
    const Reply reply = RawClient(gateway.address()).ask(get("/u/a"));
    return reply.body == "kept" && reply.field("age") && gateway.requests("u", "stale") >= 1;
  }));
  const Reply other = RawClient(gateway.address()).ask(get("/u/b"));
  EXPECT_EQ(other.body, "sorry");
  EXPECT_THAT(other.field("weir-degraded"), Optional(std::string("fallback")));
}

TEST(GatewayLayers, ATenantsRateAndItsOverrides) {
  Gate gate;
  BadUpstream upstream([&gate](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      if (!gate.wait() || !peer.write(ok("done"))) return;
    }
  });
  const GatewayProcess gateway({.tenant = "key: \"header:X-T\", inflight: 1, overrides: { big: { inflight: 2 "
                                          "} }, rate: { limit: 3, per: 24h }",
                                .upstreams = {{"u", upstream.address()}}});
  const auto as = [](const std::string& tenant) { return get("/u/", "X-T: " + tenant + "\r\n"); };
  RawClient a(gateway.address()), b(gateway.address()), c(gateway.address()), d(gateway.address());
  a.send(as("big"));
  b.send(as("big"));
  ASSERT_TRUE(gate.wait_arrived(2));
  EXPECT_EQ(c.ask(as("big")).status, 429);
  d.send(as("small"));
  ASSERT_TRUE(gate.wait_arrived(3));
  EXPECT_EQ(c.ask(as("small")).status, 429);
  gate.open();
  for (RawClient* client : {&a, &b, &d}) EXPECT_EQ(client->read_reply().status, 200);
  EXPECT_TRUE(gateway.falls_idle());
  // What was refused was not charged.
  EXPECT_EQ(c.ask(as("big")).status, 200);
  const Reply over = c.ask(as("big"));
  EXPECT_EQ(over.status, 429);
  EXPECT_THAT(over.body, HasSubstr("\"reason\":\"over_rate\",\"bound\":\"tenant-rate\""));
}

TEST(GatewayLayers, InAFullQueueTheLeastImportantMakesRoom) {
  Gate gate;
  BadUpstream upstream([&gate](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      if (!gate.wait() || !peer.write(ok("done"))) return;
    }
  });
  const std::string text =
      "service: edge\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\nbounds:\n"
      "  inflight: { limit: 1, queue: { depth: 1, wait: 1m, order: priority } }\n"
      "  priority: { key: \"header:X-P\", classes: { gold: { level: critical } } }\n"
      "upstreams:\n  u: { url: \"http://" +
      upstream.address().to_string() +
      "\", inflight: 1, timeout: 60s }\n"
      "routes: [ { match: /, upstream: u } ]\n";
  const GatewayProcess gateway(text);
  RawClient first(gateway.address()), low(gateway.address()), high(gateway.address());
  first.send(get("/u/"));
  ASSERT_TRUE(gate.wait_arrived(1));
  low.send(get("/u/", "X-P: sheddable\r\n"));
  ASSERT_TRUE(becomes_true([&] { return gateway.bound("inflight").queue_depth == 1; }));
  high.send(get("/u/", "X-P: gold\r\n"));
  const Reply evicted = low.read_reply();
  EXPECT_EQ(evicted.status, 503);
  EXPECT_THAT(evicted.body, HasSubstr("\"reason\":\"evicted\""));
  gate.open();
  EXPECT_EQ(first.read_reply().status, 200);
  EXPECT_EQ(high.read_reply().status, 200);
}

}  // namespace
}  // namespace weir::testing

// Limits that move while requests come and go, and what passes less on towards an
// upstream in trouble: limiters of upstreams, hedges, the retry budget, throttling by
// what a server says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

BadUpstream::Script answers(const std::string& reply) {
  return [reply](BadUpstream::Peer& peer) { peer.serve(reply); };
}

const std::string kOverloaded = "HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\nno";

TEST(GatewayLimiters, AnUpstreamThatIsOverloadedBringsDownItsOwnLimitAlone) {
  BadUpstream slow(answers(kOverloaded)), quick(answers(ok("done")));
  const std::string limiter = "inflight: 50, limiter: { algorithm: aimd, min: 2, initial: 20 }";
  const GatewayProcess gateway(
      {.upstreams = {{"slow", slow.address(), limiter}, {"quick", quick.address(), limiter}}});
  EXPECT_EQ(gateway.bound("upstream:slow").limit, 20U);
  RawClient to_slow(gateway.address()), to_quick(gateway.address());
  EXPECT_TRUE(becomes_true([&] {
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(to_slow.ask(get("/slow/")).status, 503);
      EXPECT_EQ(to_quick.ask(get("/quick/")).status, 200);
    }
    return gateway.bound("upstream:slow").limit == 2;
  }));
  EXPECT_EQ(gateway.bound("upstream:quick").limit, 20U) << "one at a time is no reason to raise it";
  EXPECT_EQ(gateway.bound("inflight").limit, 200U);
  EXPECT_GT(gateway.metric("weir_limiter_steps_total{upstream=\"slow\"}").value_or(0), 0);
  EXPECT_EQ(gateway.metric("weir_limiter_lowest{upstream=\"slow\"}"), 2);
}

// Many ask and go on at once, of upstream and of gateway.
TEST(GatewayLimiters, ALimitMovesWhileRequestsComeAndGo) {
  BadUpstream upstream(answers(ok("done")));
  const GatewayProcess gateway(
      {.inflight = "limit: 60, limiter: queue_delay, initial: 2, queue: { depth: 40, order: codel }",
       .upstreams = {{"u", upstream.address(),
                      "inflight: 50, queue: { depth: 50, wait: 1m }, limiter: { algorithm: gradient2, "
                      "initial: 2 }"}}});
  std::atomic<bool> stop{false};
  std::atomic<int> good{0}, refused{0}, other{0};
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 12; ++i) {
      clients.emplace_back([&] {
        RawClient client(gateway.address());
        while (!stop) {
          const int status = client.ask(get("/u/")).status;
          ++(status == 200 ? good : status == 503 ? refused : other);
        }
      });
    }
    EXPECT_TRUE(becomes_true(
        [&] { return gateway.bound("inflight").limit > 2 && gateway.bound("upstream:u").limit > 2; }));
    stop = true;
  }
  EXPECT_GT(good, 0);
  EXPECT_EQ(other, 0);
  EXPECT_TRUE(gateway.falls_idle());
  EXPECT_LE(gateway.bound("inflight").peak, 60U);
  EXPECT_LE(gateway.bound("upstream:u").peak, 50U);
  EXPECT_EQ(gateway.requests("u", "forwarded"), good);
}

TEST(GatewayLimiters, ASlowReplyIsHedgedWithinTheBudget) {
  Gate gate;
  std::atomic<int> hanging{0}, asked{0};
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      ++asked;
      if (hanging.fetch_sub(1) > 0 && !gate.wait()) return;
      if (!peer.write(ok("done"))) return;
    }
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address(),
                                               "inflight: 50, timeout: 60s, hedge: { min: 20ms, max: 20ms }, "
                                               "budget: { share: 0.2, per_second: 0, window: 1h }"}}});
  RawClient client(gateway.address());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.ask(get("/u/")).status, 200);
  hanging = 1;
  EXPECT_EQ(client.ask(get("/u/")).status, 200) << "the first hangs, its hedge is answered";
  EXPECT_GE(gateway.metric("weir_hedge_won_total{upstream=\"u\"}").value_or(0), 1);
  // Then all hang: what is sent twice is a fifth of them at most.
  hanging = 1'000'000;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<RawClient>(gateway.address()));
    clients.back()->send(get("/u/"));
  }
  EXPECT_TRUE(becomes_true(
      [&] { return gateway.metric("weir_retry_budget_refused_total{upstream=\"u\"}").value_or(0) >= 10; }));
  EXPECT_LE(gateway.metric("weir_upstream_hedges_total{upstream=\"u\"}").value_or(99), 31 / 5);
  EXPECT_LE(asked, 31 + 31 / 5);
  gate.open();
  for (const auto& each : clients) EXPECT_EQ(each->read_reply().status, 200);
  EXPECT_TRUE(gateway.falls_idle());
}

TEST(GatewayLimiters, AnOutageIsRetriedWithinTheBudget) {
  std::atomic<int> asked{0};
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      ++asked;
      if (!peer.write("HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\nno")) return;
    }
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address(),
                                               "inflight: 50, retry: { tries: 3, backoff: 0 }, "
                                               "budget: { share: 0.1, per_second: 0, window: 1h }"}}});
  RawClient client(gateway.address());
  for (int i = 0; i < 200; ++i) EXPECT_EQ(client.ask(get("/u/")).status, 500);
  EXPECT_LE(asked, 220);
  EXPECT_GE(asked, 215) << "and it is used";
  EXPECT_GE(gateway.metric("weir_retry_budget_refused_total{upstream=\"u\"}").value_or(0), 180);
}

// Only what the server says it would take is sent, but for one in twenty by which it is
// heard of better times.
TEST(GatewayLimiters, WhatTheServerSaysItShedsIsNotSent) {
  std::atomic<int> asked{0};
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      ++asked;
      if (!peer.write("HTTP/1.1 503 X\r\nWeir-Shed-Below: 512;for=60000\r\nContent-Length: 2\r\n\r\nno"))
        return;
    }
  });
  const GatewayProcess gateway(
      {.upstreams = {{"u", upstream.address(), "inflight: 50, throttle: { refused_max: 0 }"}},
       .more_bounds = "  priority: { key: \"header:X-P\" }\n"});
  RawClient client(gateway.address());
  EXPECT_EQ(client.ask(get("/u/", "X-P: high\r\n")).status, 503);
  EXPECT_EQ(asked, 1);
  constexpr int kOfEach = 100;
  int throttled = 0;
  for (const char* importance : {"high", "normal", "sheddable"}) {
    for (int i = 0; i < kOfEach; ++i) {
      const Reply reply = client.ask(get("/u/", std::string("X-P: ") + importance + "\r\n"));
      throttled += reply.body.contains("\"reason\":\"throttled\"") ? 1 : 0;
    }
  }
  EXPECT_GT(throttled, 3 * kOfEach * 17 / 20) << "8 standard deviations from 19 in 20";
  EXPECT_EQ(asked, 1 + 3 * kOfEach - throttled);
  const int before = asked;
  for (int i = 0; i < kOfEach; ++i) {
    EXPECT_EQ(client.ask(get("/u/", "X-P: critical\r\n")).body, "no") << "the server's own words";
  }
  EXPECT_EQ(asked, before + kOfEach);
}

// The one behind can do one request at a time; the one before learns what it sheds.
TEST(GatewayLimiters, TwoGatewaysInARow) {
  const GatewayProcess back({.inflight = "limit: 1, queue: { depth: 2, wait: 10ms }",
                             .upstreams = {{"u", "embedded:demo", "inflight: 1"}}});
  const GatewayProcess front({.upstreams = {{"u", back.address(), "inflight: 50, throttle: {}"}}});
  std::atomic<bool> stop{false};
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 12; ++i) {
      clients.emplace_back([&] {
        RawClient client(front.address());
        while (!stop) good += client.ask(get("/u/?ms=2")).status == 200 ? 1 : 0;
      });
    }
    EXPECT_TRUE(becomes_true([&] { return front.requests("u", "refused_throttle") > 100 && good > 10; }));
    stop = true;
  }
  EXPECT_TRUE(front.falls_idle());
  EXPECT_TRUE(back.falls_idle());
}

}  // namespace
}  // namespace weir::testing

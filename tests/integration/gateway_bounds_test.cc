// Over a bound: who is refused, with which words, and who is not; and that all
// of it is given back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <simdjson.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::Optional;

// Answers when the gate is open, and then at once.
BadUpstream::Script answers_at(Gate& gate) {
  return [&gate](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      if (!gate.wait() || !peer.write(ok("done"))) return;
    }
  };
}

BadUpstream::Script answers_at_once() {
  return [](BadUpstream::Peer& peer) { peer.serve(ok("done")); };
}

struct Refusal {
  int status;
  std::string_view bound;
  std::string_view reason;
  std::uint64_t limit;
};

void expect_refusal(const Reply& reply, const Refusal& refusal) {
  EXPECT_EQ(reply.status, refusal.status);
  EXPECT_THAT(reply.field("retry-after"), Optional(std::string("1")));
  EXPECT_THAT(reply.field("content-type"), Optional(std::string("application/json")));
  EXPECT_EQ(reply.ending, Ending::open) << "a refusal costs a client no connection";
  simdjson::dom::parser parser;
  simdjson::dom::element error;
  ASSERT_EQ(parser.parse(simdjson::padded_string(reply.body))["error"].get(error), simdjson::SUCCESS)
      << reply.body;
  EXPECT_EQ(std::int64_t(error["status"]), refusal.status);
  EXPECT_EQ(std::string_view(error["bound"]), refusal.bound);
  EXPECT_EQ(std::string_view(error["reason"]), refusal.reason);
  EXPECT_EQ(std::uint64_t(error["limit"]), refusal.limit);
  EXPECT_EQ(std::int64_t(error["retry_after_s"]), 1);
  EXPECT_FALSE(std::string_view(error["message"]).empty());
}

TEST(GatewayBounds, OverTheGlobalBoundWithoutAQueueOneIsRefusedAtOnce) {
  Gate gate;
  BadUpstream upstream(answers_at(gate));
  const GatewayProcess gateway(
      {.inflight = "limit: 2", .upstreams = {{"u", upstream.address(), "inflight: 2"}}});
  RawClient first(gateway.address());
  RawClient second(gateway.address());
  RawClient third(gateway.address());
  first.send(get("/u/"));
  second.send(get("/u/"));
  ASSERT_TRUE(gate.wait_arrived(2));
  expect_refusal(third.ask(get("/u/")), {503, "inflight", "at_limit", 2});
  EXPECT_EQ(gateway.bound("inflight").in_use, 2U);
  gate.open();
  EXPECT_EQ(first.read_reply().status, 200);
  EXPECT_EQ(second.read_reply().status, 200);
  EXPECT_TRUE(gateway.falls_idle());
  EXPECT_EQ(third.ask(get("/u/")).status, 200);
  EXPECT_TRUE(gateway.counts("u", "refused_inflight", 1));
  EXPECT_TRUE(gateway.counts("u", "forwarded", 3));
  EXPECT_THAT(gateway.metric("weir_bound_refused_total{bound=\"inflight\",reason=\"at_limit\"}"),
              Optional(1.0));
}

TEST(GatewayBounds, OneWaitsInTheQueueAndTheNextIsRefusedBecauseItIsFull) {
  Gate gate;
  BadUpstream upstream(answers_at(gate));
  const GatewayProcess gateway({.inflight = "limit: 1, queue: { depth: 1, wait: 30s }",
                                .upstreams = {{"u", upstream.address(), "inflight: 1, timeout: 60s"}}});
  RawClient inside(gateway.address());
  RawClient waiting(gateway.address());
  RawClient refused(gateway.address());
  inside.send(get("/u/"));
  ASSERT_TRUE(gate.wait_arrived(1));
  waiting.send(get("/u/"));
  ASSERT_TRUE(becomes_true([&] { return gateway.bound("inflight").queue_depth == 1; }));
  expect_refusal(refused.ask(get("/u/")), {503, "inflight", "queue_full", 1});
  gate.open();
  EXPECT_EQ(inside.read_reply().status, 200);
  EXPECT_EQ(waiting.read_reply().status, 200);
  EXPECT_TRUE(gateway.falls_idle());
  EXPECT_EQ(refused.ask(get("/u/")).status, 200);
}

TEST(GatewayBounds, OneThatHasWaitedAsLongAsTheQueueAllowsIsRefused) {
  Gate gate;
  BadUpstream upstream(answers_at(gate));
  const GatewayProcess gateway({.inflight = "limit: 1, queue: { depth: 5, wait: 100ms }",
                                .upstreams = {{"u", upstream.address(), "inflight: 1, timeout: 60s"}}});
  RawClient inside(gateway.address());
  RawClient waiting(gateway.address());
  inside.send(get("/u/"));
  ASSERT_TRUE(gate.wait_arrived(1));
  const TimePoint start = SystemClock::read();
  expect_refusal(waiting.ask(get("/u/")), {503, "inflight", "queue_wait", 1});
  EXPECT_GE(SystemClock::read() - start, 100ms);
  EXPECT_EQ(gateway.bound("inflight").queue_depth, 0U);
  gate.open();
  EXPECT_EQ(inside.read_reply().status, 200);
  EXPECT_TRUE(gateway.falls_idle());
  EXPECT_EQ(waiting.ask(get("/u/")).status, 200);
}

TEST(GatewayBounds, ATenantOverItsBoundIsRefusedAndOthersDoNotNotice) {
  Gate gate;
  BadUpstream slow(answers_at(gate));
  BadUpstream quick(answers_at_once());
  const GatewayProcess gateway({.inflight = "limit: 100",
                                .tenant = "key: \"header:X-Tenant-ID\", inflight: 2",
                                .upstreams = {{"slow", slow.address()}, {"quick", quick.address()}}});
  const auto as = [](std::string_view target, std::string_view tenant) {
    return get(target, fmt::format("x-tenant-id: {}\r\n", tenant));
  };
  RawClient first(gateway.address());
  RawClient second(gateway.address());
  RawClient third(gateway.address());
  first.send(as("/slow/", "noisy"));
  second.send(as("/slow/", "noisy"));
  ASSERT_TRUE(gate.wait_arrived(2));
  expect_refusal(third.ask(as("/quick/", "noisy")), {429, "tenant", "at_limit", 2});
  EXPECT_EQ(third.ask(as("/quick/", "quiet")).status, 200);
  EXPECT_EQ(third.ask(get("/quick/")).status, 200);
  gate.open();
  EXPECT_EQ(first.read_reply().status, 200);
  EXPECT_EQ(second.read_reply().status, 200);
  EXPECT_TRUE(gateway.falls_idle());
  EXPECT_EQ(third.ask(as("/quick/", "noisy")).status, 200);
  EXPECT_TRUE(gateway.counts("quick", "refused_tenant", 1));
}

TEST(GatewayBounds, RequestsWithoutATenantAreUnderTheOtherBoundsOnly) {
  Gate gate;
  BadUpstream upstream(answers_at(gate));
  const GatewayProcess gateway({.inflight = "limit: 100",
                                .tenant = "key: \"header:X-Tenant-ID\", inflight: 1",
                                .upstreams = {{"u", upstream.address()}}});
  std::vector<RawClient> clients;
  for (int i = 0; i < 10; ++i) clients.emplace_back(gateway.address()).send(get("/u/"));
  EXPECT_TRUE(gate.wait_arrived(10));
  EXPECT_EQ(gateway.bound("tenant").in_use, 0U);
  gate.open();
  for (RawClient& client : clients) EXPECT_EQ(client.read_reply().status, 200);
}

TEST(GatewayBounds, ATenantKeyTooLongToBeRememberedIsTheClientsMistake) {
  BadUpstream upstream(answers_at_once());
  const GatewayProcess gateway({.inflight = "limit: 100",
                                .tenant = "key: \"header:X-Tenant-ID\", inflight: 1",
                                .upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  const Reply reply = client.ask(get("/u/", "X-Tenant-ID: " + std::string(257, 'x') + "\r\n"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.field("retry-after"), std::nullopt) << "coming back does not help";
  EXPECT_EQ(client.ask(get("/u/", "X-Tenant-ID: " + std::string(256, 'x') + "\r\n")).status, 200);
}

TEST(GatewayBounds, OverAnUpstreamsBoundOnlyItsRouteIsRefused) {
  Gate gate;
  BadUpstream slow(answers_at(gate));
  BadUpstream quick(answers_at_once());
  const GatewayProcess gateway(
      {.upstreams = {{"slow", slow.address(), "inflight: 1"}, {"quick", quick.address(), "inflight: 1"}}});
  RawClient inside(gateway.address());
  RawClient other(gateway.address());
  inside.send(get("/slow/"));
  ASSERT_TRUE(gate.wait_arrived(1));
  expect_refusal(other.ask(get("/slow/")), {503, "upstream:slow", "at_limit", 1});
  EXPECT_EQ(other.ask(get("/quick/")).status, 200);
  gate.open();
  EXPECT_EQ(inside.read_reply().status, 200);
  EXPECT_TRUE(gateway.falls_idle());
  EXPECT_EQ(other.ask(get("/slow/")).status, 200);
  EXPECT_TRUE(gateway.counts("slow", "refused_upstream", 1));
}

TEST(GatewayBounds, ARefusedBodyIsPassedOverAndTheConnectionGoesOn) {
  Gate gate;
  BadUpstream upstream(answers_at(gate));
  const GatewayProcess gateway(
      {.inflight = "limit: 1", .upstreams = {{"u", upstream.address(), "inflight: 1"}}});
  RawClient inside(gateway.address());
  RawClient other(gateway.address());
  inside.send(get("/u/"));
  ASSERT_TRUE(gate.wait_arrived(1));
  expect_refusal(other.ask(post("/u/", pattern(10'000))), {503, "inflight", "at_limit", 1});
  gate.open();
  EXPECT_EQ(inside.read_reply().status, 200);
  EXPECT_TRUE(gateway.falls_idle());
  EXPECT_EQ(other.ask(get("/u/")).status, 200);
}

// Many at once, for a while: nobody is lost, the bound holds at every moment,
// and nothing is left of it.
TEST(GatewayBounds, UnderALoadEveryRequestIsServedOrRefusedAndAfterItNothingIsHeld) {
  constexpr int kClients = 32;
  constexpr int kRequests = 40;
  BadUpstream upstream(answers_at_once());
  GatewayProcess gateway({.inflight = "limit: 4, queue: { depth: 4, wait: 5ms }",
                          .tenant = "key: \"header:X-Tenant-ID\", inflight: 2",
                          .upstreams = {{"u", upstream.address(), "inflight: 3"}}});
  std::atomic<int> served{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      RawClient client(gateway.address());
      const std::string request = get("/u/", fmt::format("X-Tenant-ID: {}\r\n", i % 4));
      for (int n = 0; n < kRequests; ++n) {
        const int status = client.ask(request).status;
        if (status == 200) ++served;
        if (status == 503 || status == 429) ++refused;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served + refused, kClients * kRequests);
  EXPECT_GT(served, 0);
  EXPECT_TRUE(gateway.falls_idle());
  EXPECT_EQ(ask_once(gateway.address(), get("/u/")).status, 200);
  EXPECT_LE(gateway.bound("inflight").peak, 4U);
  EXPECT_LE(gateway.bound("tenant").peak, 2U);
  EXPECT_LE(gateway.bound("upstream:u").peak, 3U);
  EXPECT_LE(upstream.accepted(), 3U + 1) << "as many connections as the bound, and one while another closes";
}

}  // namespace
}  // namespace weir::testing

// What is declared before an upstream, and what is asked before a request is let in:
// breaker, retries, cache, rates, importance, over sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"
#include "weir/base/sanitizers.h"

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

TEST(GatewayProof, IsATableAndRefusesWhatTheMachineDoesNotHave) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(ok("done")); });
  const BoundsFile file{.upstreams = {{"u", upstream.address()}}};
  const GatewayProcess gateway(file);
  EXPECT_THAT(gateway.page("/debug/bounds?proof").body, HasSubstr("connections"));
  EXPECT_THAT(gateway.page("/debug/bounds?proof=json").body, HasSubstr("\"fits\":true"));

  const BoundsFile large{.upstreams = {{"u", upstream.address()}},
                         .server = "connections: 1000000, header_bytes: 1MiB"};
  const TemporaryFile text(large.text());
  Process refused({WEIR_PROGRAM, "serve", text.path(), "--listen", "127.0.0.1:0"});
  EXPECT_EQ(refused.wait(kPatience), 2);
  EXPECT_THAT(refused.err(), HasSubstr("connections"));
  Process warned({WEIR_PROGRAM, "serve", text.path(), "--over-budget", "warn"});
  EXPECT_TRUE(warned.wait_for_err("listens on", kPatience));
  warned.signal(SIGTERM);
  EXPECT_EQ(warned.wait(kPatience), 0);
}

// Every connection open, every request inside, the queue full, with heads as large as
// may be on both sides; of HTTP/1, which has no windows to fill.
TEST(GatewayProof, WhatIsMeasuredIsAtMostWhatIsPredictedAndAtLeastHalfOfIt) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes memory of its own";
  constexpr int kInside = 150, kWaiting = 150;
  const auto fields = [](int bytes) {
    std::string text;
    for (int i = 0; i < 95; ++i) {
      text += "X-Field-" + std::to_string(100 + i) + ": " +
              std::string(static_cast<std::size_t>(bytes / 95) - 17, 'v') + "\r\n";
    }
    return text;
  };
  Gate gate;
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n" + fields(31'000) + "\r\n";
    while (!peer.read_head().empty()) {
      if (!peer.write(head) || !gate.wait() || !peer.write("done")) return;
    }
  });
  GatewayProcess gateway({.inflight = "limit: 150, queue: { depth: 150, wait: 1m }",
                          .upstreams = {{"u", upstream.address(), "inflight: 150, timeout: 60s"}},
                          .server = "connections: 300, http2: { enabled: false }"});
  const std::string request = get("/u/" + std::string(1'000, 'p'), fields(30'500));
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < kInside + kWaiting; ++i) {
    clients.push_back(std::make_unique<RawClient>(gateway.address()));
    clients.back()->send(request);
  }
  ASSERT_TRUE(gate.wait_arrived(kInside));
  ASSERT_TRUE(becomes_true([&] { return gateway.bound("inflight").queue_depth == kWaiting; }));
  simdjson::dom::parser parser;
  simdjson::dom::element proof;
  const Reply page = gateway.page("/debug/bounds?proof=json");
  ASSERT_EQ(parser.parse(simdjson::padded_string(page.body)).get(proof), simdjson::SUCCESS) << page.body;
  const auto predicted = static_cast<double>(std::uint64_t(proof["resources"].at(0)["demanded"]));
  EXPECT_EQ(std::string_view(proof["resources"].at(0)["resource"]), "memory");
  const auto measured = static_cast<double>(gateway.process().rss_bytes_peak());
  RecordProperty("predicted", std::to_string(predicted));
  RecordProperty("measured", std::to_string(measured));
  EXPECT_LE(measured, predicted);
  EXPECT_LE(predicted, 2 * measured);
  gate.open();
  for (const auto& client : clients) EXPECT_EQ(client->read_reply().status, 200);
}

}  // namespace
}  // namespace weir::testing

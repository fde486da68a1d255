// The configuration is read again while the gateway runs: what moves, what is refused,
// and that nobody whose request is inside notices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <string>

#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

BadUpstream::Script answers_at(Gate& gate) {
  return [&gate](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      if (!gate.wait() || !peer.write(ok("done"))) return;
    }
  };
}

std::string file_with(const net::SocketAddress& upstream, const std::string& inflight,
                      const std::string& values = "inflight: 50, timeout: 60s") {
  return BoundsFile{.inflight = inflight, .upstreams = {{"u", upstream, values}}}.text();
}

Reply reload(const GatewayProcess& gateway) {
  RawClient client(gateway.admin());
  return client.ask("POST /-/reload HTTP/1.1\r\nHost: admin\r\nContent-Length: 0\r\n\r\n");
}

TEST(GatewayReload, ALimitMovesUnderLoadAndNoRequestIsDropped) {
  Gate gate;
  BadUpstream upstream(answers_at(gate));
  GatewayProcess gateway(file_with(upstream.address(), "limit: 2"));
  RawClient first(gateway.address()), second(gateway.address()), third(gateway.address());
  first.send(get("/u/"));
  second.send(get("/u/"));
  ASSERT_TRUE(gate.wait_arrived(2));
  EXPECT_EQ(third.ask(get("/u/")).status, 503);

  gateway.rewrite(file_with(upstream.address(), "limit: 3"));
  const Reply grown = reload(gateway);
  EXPECT_EQ(grown.status, 200);
  EXPECT_THAT(grown.body, HasSubstr("bounds.inflight.limit: 2 -> 3\n"));
  third.send(get("/u/"));
  ASSERT_TRUE(gate.wait_arrived(3));

  gateway.rewrite(file_with(upstream.address(), "limit: 1"));
  EXPECT_EQ(reload(gateway).status, 200);
  EXPECT_EQ(gateway.bound("inflight").limit, 1U);
  EXPECT_EQ(gateway.bound("inflight").in_use, 3U) << "permits held stay valid";
  RawClient fourth(gateway.address());
  EXPECT_EQ(fourth.ask(get("/u/")).status, 503);
  gate.open();
  for (RawClient* client : {&first, &second, &third}) EXPECT_EQ(client->read_reply().status, 200);
  EXPECT_TRUE(gateway.falls_idle());
  EXPECT_EQ(fourth.ask(get("/u/")).status, 200);
  EXPECT_EQ(gateway.metric("weir_reloads_total{result=\"ok\"}"), 2);
  EXPECT_GT(gateway.metric("weir_reload_timestamp_seconds{result=\"ok\"}").value_or(0), 1e9);
}

TEST(GatewayReload, WhatNeedsARestartIsRefusedAsAWhole) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(ok("done")); });
  GatewayProcess gateway(file_with(upstream.address(), "limit: 20"));
  gateway.rewrite(file_with(upstream.address(), "limit: 30", "inflight: 50, timeout: 60s, protocol: http2"));
  const Reply reply = reload(gateway);
  EXPECT_EQ(reply.status, 409);
  EXPECT_EQ(
      reply.body,
      "upstreams.u.protocol: \"http1\" -> \"http2\" (needs a restart)\nnothing is changed: these cannot "
      "change while the gateway runs\n");
  EXPECT_EQ(gateway.bound("inflight").limit, 20U);
  EXPECT_EQ(gateway.metric("weir_reloads_total{result=\"failed\"}"), 1);
  EXPECT_EQ(gateway.metric("weir_reloads_total{result=\"ok\"}"), 0);
}

TEST(GatewayReload, AFileWithAMistakeChangesNothingAndIsToldAtItsPlace) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(ok("done")); });
  GatewayProcess gateway(file_with(upstream.address(), "limit: 20"));
  gateway.rewrite(file_with(upstream.address(), "limit: 0"));
  const Reply reply = reload(gateway);
  EXPECT_EQ(reply.status, 409);
  EXPECT_THAT(reply.body, HasSubstr(":5:22: error: bounds.inflight.limit is 0; must be from 1 to 1000000"));
  EXPECT_THAT(reply.body, HasSubstr("nothing is changed\n"));
  EXPECT_EQ(gateway.bound("inflight").limit, 20U);
  EXPECT_EQ(ask_once(gateway.address(), get("/u/")).status, 200);
}

TEST(GatewayReload, AHangupReloads) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(ok("done")); });
  GatewayProcess gateway(file_with(upstream.address(), "limit: 20"));
  gateway.rewrite(file_with(upstream.address(), "limit: 25"));
  gateway.process().signal(SIGHUP);
  EXPECT_TRUE(becomes_true([&] { return gateway.bound("inflight").limit == 25; }));
}

TEST(GatewayReload, WhoWaitsStaysAndIsServedInTheNewOrder) {
  Gate gate;
  BadUpstream upstream(answers_at(gate));
  const auto file = [&](const std::string& queue) {
    return BoundsFile{.inflight = "limit: 1, queue: { " + queue + " }",
                      .upstreams = {{"u", upstream.address()}},
                      .more_bounds = "  priority: { key: \"header:X-P\" }\n"}
        .text();
  };
  GatewayProcess gateway(file("depth: 2, wait: 1m"));
  RawClient first(gateway.address()), low(gateway.address()), high(gateway.address());
  first.send(get("/u/"));
  ASSERT_TRUE(gate.wait_arrived(1));
  low.send(get("/u/", "X-P: sheddable\r\n"));
  ASSERT_TRUE(becomes_true([&] { return gateway.bound("inflight").queue_depth == 1; }));
  gateway.rewrite(file("depth: 1, wait: 50s, order: priority"));
  EXPECT_THAT(reload(gateway).body,
              HasSubstr("bounds.inflight.queue.depth: 2 -> 1\nbounds.inflight.queue.wait: 1m -> 50s\n"
                        "bounds.inflight.queue.order: \"fifo\" -> \"priority\"\n"));
  EXPECT_EQ(gateway.bound("inflight").queue_depth, 1U);
  high.send(get("/u/", "X-P: critical\r\n"));
  EXPECT_THAT(low.read_reply().body, HasSubstr("\"reason\":\"evicted\""))
      << "one place, and it is less important";
  gate.open();
  EXPECT_EQ(first.read_reply().status, 200);
  EXPECT_EQ(high.read_reply().status, 200);
}

TEST(GatewayReload, WordsForImportanceAndTheMemoryGuardMove) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(ok("done")); });
  const auto file = [&](const std::string& more) {
    return BoundsFile{.upstreams = {{"u", upstream.address()}}, .more_bounds = more}.text();
  };
  // A process is larger than that: all are refused.
  GatewayProcess gateway(file("  memory: { limit: 1MiB }\n"));
  RawClient client(gateway.address());
  ASSERT_TRUE(becomes_true([&] { return client.ask(get("/u/")).status == 503; }));
  EXPECT_THAT(client.ask(get("/u/")).body, HasSubstr("\"reason\":\"memory_low\",\"bound\":\"memory\""));
  EXPECT_GT(gateway.requests("u", "refused_memory"), 0);
  EXPECT_GT(gateway.metric("weir_memory_refused_below").value_or(0), 0);
  gateway.rewrite(
      file("  memory: { limit: 1TiB }\n  priority: { key: \"header:X-P\", classes: { gold: { level: "
           "critical } } }\n"));
  const Reply moved = reload(gateway);
  EXPECT_EQ(moved.status, 200) << moved.body;
  EXPECT_THAT(moved.body, HasSubstr("bounds.priority: none -> there\nbounds.memory.limit: 1MiB -> 1TiB\n"));
  EXPECT_TRUE(becomes_true([&] { return client.ask(get("/u/", "X-P: gold\r\n")).status == 200; }));
}

TEST(GatewayReload, WhatACacheHasIsAsFreshAsTheNewTimesSay) {
  std::atomic<int> asked{0};
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      ++asked;
      if (!peer.write(ok("kept"))) return;
    }
  });
  const auto file = [&](const std::string& cache) {
    return file_with(upstream.address(), "limit: 20", "inflight: 50, timeout: 60s, cache: { " + cache + " }");
  };
  GatewayProcess gateway(file("fresh_for: 1h"));
  RawClient client(gateway.address());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.ask(get("/u/a")).body, "kept");
  EXPECT_EQ(asked, 1);
  gateway.rewrite(file("fresh_for: 1ms, entries: 5"));
  EXPECT_THAT(reload(gateway).body, HasSubstr("upstreams.u.cache.fresh_for: 1h -> 1ms\n"));
  EXPECT_TRUE(becomes_true([&] { return client.ask(get("/u/a")).body == "kept" && asked > 1; }));
}

TEST(GatewayReload, WhatTheMachineDoesNotHaveIsRefusedWithWhatToLower) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(ok("done")); });
  const std::string large = BoundsFile{.inflight = "limit: 1000000",
                                       .upstreams = {{"u", upstream.address(), "inflight: 1000000"}},
                                       .server = "connections: 1000000"}
                                .text();
  const std::string small = file_with(upstream.address(), "limit: 20");
  GatewayProcess gateway(small);
  gateway.rewrite(large);
  const Reply refused = reload(gateway);
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("refused to load: the bounds allow more than there is\n"));
  EXPECT_THAT(refused.body, HasSubstr("inflight limit 1000000"));
  EXPECT_THAT(refused.body, EndsWith("nothing is changed\n"));
  EXPECT_EQ(gateway.bound("inflight").limit, 20U);

  GatewayProcess warned(small, {"--over-budget", "warn"});
  warned.rewrite(large);
  const Reply taken = reload(warned);
  EXPECT_EQ(taken.status, 200);
  EXPECT_THAT(taken.body, HasSubstr("It was loaded all the same, as it was told to.\n"));
  EXPECT_EQ(warned.bound("inflight").limit, 1'000'000U);
}

TEST(GatewayReload, AnUpstreamThatIsNewIsProvedAsWell) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(ok("done")); });
  const std::string small = file_with(upstream.address(), "limit: 20");
  const auto with = [&](const std::string& values) {
    return BoundsFile{.inflight = "limit: 20",
                      .upstreams = {{"u", upstream.address()}, {"more", upstream.address(), values}}}
        .text();
  };
  GatewayProcess gateway(small);
  gateway.rewrite(with("inflight: 1000000, queue: { depth: 1000000 }"));
  const Reply refused = reload(gateway);
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("upstream:more limit 1000000"));
  EXPECT_EQ(ask_once(gateway.address(), get("/more/")).status, 404);
  gateway.rewrite(with("inflight: 5"));
  EXPECT_EQ(reload(gateway).status, 200);
  EXPECT_EQ(ask_once(gateway.address(), get("/more/")).status, 200);
}

TEST(GatewayReload, IsOnlyPosted) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(ok("done")); });
  const GatewayProcess gateway(file_with(upstream.address(), "limit: 20"));
  EXPECT_EQ(gateway.page("/-/reload").status, 405);
  const Reply unchanged = reload(gateway);
  EXPECT_EQ(unchanged.status, 200);
  EXPECT_THAT(unchanged.body, EndsWith("no change\n")) << "behind the warnings of the file";
}

}  // namespace
}  // namespace weir::testing

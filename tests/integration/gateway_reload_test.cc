// The configuration is read again while the gateway runs: what moves, what is refused,
// and that nobody whose request is inside notices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  gateway.rewrite(
      file_with(upstream.address(), "limit: 30", "inflight: 50, timeout: 60s, queue: { depth: 5 }"));
  const Reply reply = reload(gateway);
  EXPECT_EQ(reply.status, 409);
  EXPECT_EQ(reply.body,
            "upstreams.u.queue.depth: 0 -> 5 (needs a restart)\nnothing is changed: these cannot "
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

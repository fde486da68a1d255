// Parts of the gateway's bound for reads, writes and background work, and numbers of
// single tenants, over sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

BadUpstream::Script answers_at(Gate& gate) {
  return [&gate](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      if (!gate.wait() || !peer.write(ok("done"))) return;
    }
  };
}

std::string tiers(const std::string& write = "share: 0.5, lends: no") {
  return "  tiers: { default: read, key: \"header:X-Tier\", all: { read: { share: 0.25, most: 0.75, methods: "
         "\"GET HEAD\" }, write: { " +
         write + ", methods: POST }, batch: { share: 0, most: 0.25, paths: /u/batch/ } } }\n";
}

Reply reload(const GatewayProcess& gateway) {
  RawClient client(gateway.admin());
  return client.ask("POST /-/reload HTTP/1.1\r\nHost: admin\r\nContent-Length: 0\r\n\r\n");
}

TEST(GatewayTiers, WhatOneTierHasOfItsOwnNoOtherTakes) {
  Gate gate;
  BadUpstream upstream(answers_at(gate));
  GatewayProcess gateway(
      {.inflight = "limit: 8", .upstreams = {{"u", upstream.address()}}, .more_bounds = tiers()});
  std::vector<std::unique_ptr<RawClient>> inside;
  const auto enter = [&](const std::string& request) {
    inside.push_back(std::make_unique<RawClient>(gateway.address()));
    inside.back()->send(request);
    EXPECT_TRUE(gate.wait_arrived(inside.size()));
  };
  RawClient client(gateway.address());
  // Two of its own and two that it borrows: four of eight are the writes' alone.
  for (int i = 0; i < 4; ++i) enter(get("/u/"));
  const Reply refused = client.ask(get("/u/"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("\"bound\":\"tiers.read\""));
  EXPECT_THAT(client.ask(get("/u/batch/x")).body, HasSubstr("\"bound\":\"tiers.batch\"")) << "by its path";
  EXPECT_THAT(client.ask(get("/u/", "X-Tier: batch\r\n")).body, HasSubstr("\"bound\":\"tiers.batch\""));
  EXPECT_THAT(client.ask(get("/u/", "X-Tier: none\r\n")).body, HasSubstr("\"bound\":\"tiers.read\""));
  for (int i = 0; i < 4; ++i) enter(post("/u/", ""));
  EXPECT_THAT(client.ask(post("/u/", "")).body, HasSubstr("\"bound\":\"tiers.write\""));
  EXPECT_EQ(gateway.bound("tiers.read").in_use, 4U);
  EXPECT_EQ(gateway.metric("weir_tier_borrowed{tier=\"read\"}"), 2);
  EXPECT_EQ(gateway.metric("weir_tier_guaranteed{tier=\"write\"}"), 4);
  EXPECT_EQ(gateway.requests("u", "refused_tier"), 5);
  gate.open();
  for (const auto& each : inside) EXPECT_EQ(each->read_reply().status, 200);
  EXPECT_TRUE(gateway.falls_idle());
  EXPECT_EQ(client.ask(get("/u/batch/x")).status, 200);
}

TEST(GatewayTiers, TheirPartsMoveOnAReload) {
  Gate gate;
  BadUpstream upstream(answers_at(gate));
  const auto file = [&](const std::string& more) {
    return BoundsFile{.inflight = "limit: 8", .upstreams = {{"u", upstream.address()}}, .more_bounds = more}
        .text();
  };
  GatewayProcess gateway(file(tiers()));
  RawClient first(gateway.address()), client(gateway.address());
  first.send(get("/u/", "X-Tier: batch\r\n"));
  ASSERT_TRUE(gate.wait_arrived(1));
  gateway.rewrite(file(tiers("share: 0.75, lends: no")));
  EXPECT_THAT(reload(gateway).body, HasSubstr("bounds.tiers.all.write.share: 0.5 -> 0.75\n"));
  EXPECT_EQ(gateway.metric("weir_tier_guaranteed{tier=\"write\"}"), 6);
  RawClient second(gateway.address());
  second.send(get("/u/"));
  ASSERT_TRUE(gate.wait_arrived(2));
  EXPECT_THAT(client.ask(get("/u/")).body, HasSubstr("tiers.read"))
      << "six are the writes', and of the reads' two one is lent";
  gateway.rewrite(file(tiers("share: 0.75")));
  EXPECT_THAT(reload(gateway).body,
              HasSubstr("bounds.tiers.all.write.lends: false -> true (needs a restart)\n"));
  gate.open();
  EXPECT_EQ(first.read_reply().status, 200) << "what is inside stays inside";
  EXPECT_EQ(second.read_reply().status, 200);
}

TEST(GatewayTiers, ATenantsOwnRate) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(ok("done")); });
  const auto file = [&](const std::string& overrides) {
    return BoundsFile{
        .tenant = "key: \"header:X-T\", inflight: 5, rate: { limit: 1, per: 24h }, overrides: { " +
                  overrides + " }",
        .upstreams = {{"u", upstream.address()}}}
        .text();
  };
  GatewayProcess gateway(file("big: { rate: { limit: 3, per: 24h } }"));
  RawClient client(gateway.address());
  const auto ask = [&](const std::string& tenant) {
    return client.ask(get("/u/", "X-T: " + tenant + "\r\n")).status;
  };
  EXPECT_EQ(ask("small"), 200);
  EXPECT_EQ(ask("small"), 429);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("big"), 200);
  EXPECT_EQ(ask("big"), 429);
  gateway.rewrite(file("other: { rate: { limit: 3, per: 24h } }"));
  EXPECT_THAT(reload(gateway).body, HasSubstr("bounds.tenant.overrides.other: none -> there\n"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("other"), 200);
  EXPECT_EQ(ask("other"), 429);
}

TEST(GatewayTiers, RepliesTellATenantItsRateAndWhatIsLeft) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(ok("done")); });
  BoundsFile file{.tenant = "key: \"header:X-T\", inflight: 5, rate: { limit: 2, per: 1h }",
                  .upstreams = {{"u", upstream.address()}}};
  GatewayProcess gateway(file);
  RawClient client(gateway.address());
  const Reply first = client.ask(get("/u/", "X-T: a\r\n"));
  EXPECT_EQ(first.field("RateLimit-Policy"), "\"tenant-rate\";q=2;w=3600");
  EXPECT_EQ(first.field("RateLimit"), "\"tenant-rate\";r=1;t=1800");
  EXPECT_THAT(client.ask(get("/u/", "X-T: a\r\n")).field("RateLimit").value_or(""), HasSubstr(";r=0;t="));
  const Reply refused = client.ask(get("/u/", "X-T: a\r\n"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.field("RateLimit-Policy"), "\"tenant-rate\";q=2;w=3600");
  EXPECT_THAT(refused.field("RateLimit").value_or(""), HasSubstr(";r=0;t="));
  // Another has its own; one without a name has none.
  EXPECT_EQ(client.ask(get("/u/", "X-T: b\r\n")).field("RateLimit"), "\"tenant-rate\";r=1;t=1800");
  EXPECT_EQ(client.ask(get("/u/")).field("RateLimit"), std::nullopt);
  file.server = "rate_fields: false";
  GatewayProcess silent(file);
  EXPECT_EQ(ask_once(silent.address(), get("/u/", "X-T: a\r\n")).field("RateLimit-Policy"), std::nullopt);
}

}  // namespace
}  // namespace weir::testing

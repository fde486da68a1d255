// Which route takes a request, and what is done on the way: over real sockets, and
// while the routes change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <atomic>
#include <string>

#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string file(const BadUpstream& a, const BadUpstream& b, const std::string& routes) {
  return fmt::format(
      "service: edge\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\nbounds: {{ inflight: {{ limit: 200 }} }}\n"
      "upstreams:\n  a: {{ url: \"http://{}\", inflight: 50 }}\n  b: {{ url: \"http://{}\", inflight: 50 }}\n"
      "routes:\n{}",
      a.address().to_string(), b.address().to_string(), routes);
}

BadUpstream::Script says(const std::string& name) {
  return [name](BadUpstream::Peer& peer) { peer.serve(ok(name, "X-From: " + name + "\r\nServer: s\r\n")); };
}

std::string get_at(std::string_view host, std::string_view target, std::string_view fields = "") {
  return fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n{}\r\n", target, host, fields);
}

Reply reload(const GatewayProcess& gateway) {
  RawClient client(gateway.admin());
  return client.ask("POST /-/reload HTTP/1.1\r\nHost: admin\r\nContent-Length: 0\r\n\r\n");
}

TEST(GatewayRoutes, GoByHostPathMethodAndHeaders) {
  BadUpstream a(says("a")), b(says("b"));
  const GatewayProcess gateway(
      file(a, b,
           "  - { match: /, host: \"*.example.com\", upstream: a }\n"
           "  - { path: \"/items/{id}\", upstream: b }\n"
           "  - { match: /items/, upstream: a }\n"
           "  - { match: /m, method: POST, upstream: b }\n"
           "  - { match: /m, upstream: a }\n"
           "  - { match: /c, headers: { X-Canary: { exact: \"1\" } }, upstream: b }\n"
           "  - { match: /c, upstream: a }\n"));
  RawClient client(gateway.address());
  EXPECT_EQ(client.ask(get_at("shop.example.com:80", "/items/7")).body, "a");
  EXPECT_EQ(client.ask(get_at("h", "/items/7")).body, "b");
  EXPECT_EQ(client.ask(get_at("h", "/items/7/parts")).body, "a");
  EXPECT_EQ(client.ask(get_at("h", "/m")).body, "a");
  EXPECT_EQ(client.ask("POST /m HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "POST").body, "b");
  EXPECT_EQ(client.ask(get_at("h", "/c")).body, "a");
  EXPECT_EQ(client.ask(get_at("h", "/c", "X-Canary: 1\r\n")).body, "b");
  EXPECT_EQ(client.ask(get_at("h", "/none")).status, 404);
}

TEST(GatewayRoutes, SplitByWeightAndKeepTogetherWhatBelongsTogether) {
  BadUpstream a(says("a")), b(says("b"));
  const GatewayProcess gateway(file(a, b,
                                    "  - { match: /, split: [ { upstream: a, weight: 4 }, { upstream: b } ], "
                                    "sticky: \"cookie:session\" }\n"));
  RawClient client(gateway.address());
  int to_b = 0;
  for (int i = 0; i < 400; ++i) to_b += client.ask(get("/")).body == "b" ? 1 : 0;
  EXPECT_NEAR(to_b, 80, 45);
  int others = 0;
  for (int user = 0; user < 40; ++user) {
    const std::string ask = get_at("h", "/", fmt::format("Cookie: x=1; session=u{}\r\n", user));
    const std::string first = client.ask(ask).body;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.ask(ask).body, first);
    others += first == "b" ? 1 : 0;
  }
  EXPECT_GT(others, 0);
  EXPECT_LT(others, 25);
}

TEST(GatewayRoutes, RewritePathsAndEditHeaders) {
  Recorder seen(ok("a", "Server: s\r\nX-Old: 1\r\n"));
  BadUpstream a(seen.script()), b(says("b"));
  const GatewayProcess gateway(file(
      a, b,
      "  - { match: /shop/, rewrite: /, upstream: a, request: { set: { X-Env: prod }, remove: \"X-Debug, "
      "X-Trace\" }, reply: { set: { X-Frame-Options: DENY }, remove: Server } }\n"
      "  - { match: /, upstream: b }\n"));
  RawClient client(gateway.address());
  const Reply reply = client.ask(get_at("h", "/shop/items?x=1", "X-Debug: 1\r\nX-ENV: dev\r\n"));
  EXPECT_EQ(reply.field("X-Frame-Options"), "DENY");
  EXPECT_FALSE(reply.field("Server"));
  EXPECT_EQ(reply.field("X-Old"), "1");
  ASSERT_EQ(seen.seen().size(), 1U);
  const std::string head = seen.seen().front().head;
  EXPECT_THAT(head, HasSubstr("GET /items?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Env: prod\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("dev")));
  EXPECT_THAT(head, Not(HasSubstr("X-Debug")));
}

TEST(GatewayRoutes, ChangeWhileRequestsAreInside) {
  Gate gate;
  BadUpstream a([&gate](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      if (!gate.wait() || !peer.write(ok("a"))) return;
    }
  });
  BadUpstream b(says("b"));
  GatewayProcess gateway(file(a, b, "  - { match: /x/, upstream: a }\n  - { match: /b/, upstream: b }\n"));
  RawClient client(gateway.address());
  client.send(get("/x/"));
  ASSERT_TRUE(gate.wait_arrived(1));

  // Upstream a is gone altogether.
  gateway.rewrite(fmt::format(
      "service: edge\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\nbounds: {{ inflight: {{ limit: 200 }} }}\n"
      "upstreams:\n  b: {{ url: \"http://{}\", inflight: 50 }}\nroutes:\n  - {{ match: /, upstream: b }}\n",
      b.address().to_string()));
  const Reply gone = reload(gateway);
  EXPECT_EQ(gone.status, 200) << gone.body;
  EXPECT_THAT(gone.body, HasSubstr("upstreams.a: there -> none\nroutes: /x/ to a, /b/ to b -> / to b\n"));
  EXPECT_EQ(ask_once(gateway.address(), get("/x/")).body, "b");

  // While it finishes what was inside, it does not come back under its name.
  const std::string both = file(a, b, "  - { match: /x/, upstream: a }\n  - { match: /b/, upstream: b }\n");
  gateway.rewrite(both);
  const Reply early = reload(gateway);
  EXPECT_EQ(early.status, 409);
  EXPECT_THAT(early.body, HasSubstr("upstream a was taken away by an earlier reload"));
  gate.open();
  EXPECT_EQ(client.read_reply().body, "a");
  EXPECT_TRUE(becomes_true([&] { return reload(gateway).status == 200; }));
  EXPECT_EQ(client.ask(get("/x/")).body, "a");
}

TEST(GatewayRoutes, CopyToAShadowWhatNobodyWaitsFor) {
  Gate gate;
  Recorder copies(ok("copy"));
  std::atomic<int> hanging{0};
  BadUpstream a(says("a"));
  BadUpstream shadow([&](BadUpstream::Peer& peer) {
    while (const auto request = read_request(peer)) {
      ++hanging;
      EXPECT_THAT(request->head, HasSubstr("Weir-Shadow: 1\r\n"));
      EXPECT_EQ(request->body, "hello");
      if (!gate.wait() || !peer.write(ok("copy"))) return;
    }
  });
  GatewayProcess gateway(file(
      a, shadow, "  - { match: /, upstream: a, shadow: { upstream: b, inflight: 2, body_bytes: 5 } }\n"));
  RawClient client(gateway.address());
  const auto post = [](std::string_view body) {
    return fmt::format("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
  };
  const auto copied = [&gateway](std::string_view outcome) {
    return gateway.metric(fmt::format("weir_shadow_copies_total{{route=\"/\",outcome=\"{}\"}}", outcome))
        .value_or(-1);
  };
  // The shadow hangs, and nobody who asks notices.
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.ask(post("hello"), "POST").body, "a");
  EXPECT_EQ(client.ask(post("hello!"), "POST").body, "a");
  EXPECT_TRUE(gate.wait_arrived(2));
  EXPECT_TRUE(becomes_true([&] { return copied("at_limit") == 3 && copied("body") == 1; }));
  gate.open();
  EXPECT_TRUE(becomes_true([&] { return copied("good") == 2; }));
  EXPECT_EQ(hanging, 2);
}

}  // namespace
}  // namespace weir::testing

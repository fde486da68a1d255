// Replies composed of parts, over sockets: all asked at once, what is missing named, and
// what answers where a part that is required cannot be had.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <atomic>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;
using ::testing::StartsWith;

// Upstreams by name, with what else their maps have, and one route: its map.
std::string file(const std::vector<UpstreamLine>& upstreams, const std::string& route) {
  std::string text =
      "service: edge\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\nbounds: { inflight: { limit: 200 } "
      "}\nupstreams:\n";
  for (const UpstreamLine& upstream : upstreams) {
    text += fmt::format("  {}: {{ url: \"{}\", {} }}\n", upstream.name, upstream.url, upstream.values);
  }
  return text + "routes:\n  - { " + route + " }\n";
}

constexpr std::string_view kTwo =
    "path: \"/start/{user}\", compose: { parts: { user: { upstream: a, path: \"/users/{user}\", required: "
    "true }, "
    "offers: { upstream: b, path: \"/offers?top=3\" } } }";

TEST(GatewayCompose, PartsAreAskedAtOnceAndPutTogether) {
  Gate gate;
  Recorder users(ok("{\"name\":\"Ann\"}")), offers(ok("[1, 2]"));
  const auto behind = [&gate](BadUpstream::Script script) -> BadUpstream::Script {
    return [&gate, script = std::move(script)](BadUpstream::Peer& peer) {
      if (gate.wait()) script(peer);
    };
  };
  BadUpstream a(behind(users.script())), b(behind(offers.script()));
  const GatewayProcess gateway(file({{"a", a.address()}, {"b", b.address()}}, std::string(kTwo)));
  RawClient client(gateway.address());
  client.send(get("/start/7?lang=de", "Accept-Encoding: gzip\r\nX-Trace: t\r\nIf-None-Match: \"e\"\r\n"));
  EXPECT_TRUE(gate.wait_arrived(2)) << "neither waits for the other";
  EXPECT_EQ(gateway.bound("composing:GET,HEAD /start/{user}").in_use, 1U);
  gate.open();
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "{\"user\":{\"name\":\"Ann\"},\"offers\":[1, 2],\"missing\":[]}\n");
  EXPECT_EQ(reply.field("content-type"), "application/json");
  EXPECT_EQ(reply.field("weir-degraded"), std::nullopt);
  ASSERT_EQ(users.seen().size(), 1U);
  EXPECT_THAT(users.seen()[0].head,
              AllOf(StartsWith("GET /users/7?lang=de HTTP/1.1\r\n"), HasSubstr("X-Trace: t"),
                    Not(HasSubstr("gzip")), Not(HasSubstr("If-None-Match"))));
  ASSERT_EQ(offers.seen().size(), 1U);
  EXPECT_THAT(offers.seen()[0].head, StartsWith("GET /offers?top=3 HTTP/1.1\r\n"));
  EXPECT_TRUE(gateway.counts("a", "forwarded", 1));
  EXPECT_EQ(client.ask("HEAD /start/7 HTTP/1.1\r\nHost: g\r\n\r\n", "HEAD").status, 200);
  EXPECT_EQ(client.ask(post("/start/7", "x")).status, 404) << "no route takes it";
  EXPECT_EQ(client.ask(get("/start/..")).status, 404);
  EXPECT_EQ(client.ask(get("/start/%2e%2E")).status, 404);
  EXPECT_TRUE(gateway.falls_idle());
}

TEST(GatewayCompose, WhatIsNotRequiredMayBeMissing) {
  const RefusingPort down;
  const std::string large = "\"" + std::string(2000, 'x') + "\"";
  BadUpstream good([](BadUpstream::Peer& peer) { peer.serve(ok("{}")); });
  BadUpstream html([](BadUpstream::Peer& peer) { peer.serve(ok("<p>hello</p>")); });
  BadUpstream broken([](BadUpstream::Peer& peer) {
    peer.serve("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}");
  });
  BadUpstream long_one([&large](BadUpstream::Peer& peer) { peer.serve(ok(large)); });
  Gate gate;
  BadUpstream silent([&gate](BadUpstream::Peer& peer) {
    peer.read_head();
    gate.wait();
  });
  const GatewayProcess gateway(
      file({{"good", good.address()},
            {"down", down.address()},
            {"html", html.address()},
            {"broken", broken.address()},
            {"long", long_one.address()},
            {"silent", silent.address()}},
           "path: /all, compose: { parts: { "
           "down: { upstream: down, path: / }, html: { upstream: html, path: / }, "
           "broken: { upstream: broken, path: / }, long: { upstream: long, path: /, body_bytes: 1KiB }, "
           "late: { upstream: silent, path: /, timeout: 50ms }, good: { upstream: good, path: / } } }"));
  RawClient client(gateway.address());
  const Reply reply = client.ask(get("/all"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "{\"good\":{},\"missing\":[\"down\",\"html\",\"broken\",\"long\",\"late\"]}\n");
  EXPECT_THAT(reply.field("weir-degraded"), Optional(std::string("partial")));
  EXPECT_TRUE(gateway.counts("down", "partial", 1)) << "of the first part, where none is required";
  const std::vector<std::pair<std::string, std::string>> fates{{"down", "failed"},   {"html", "unfit"},
                                                               {"broken", "failed"}, {"long", "unfit"},
                                                               {"late", "late"},     {"good", "given"}};
  for (const auto& [part, fate] : fates) {
    EXPECT_THAT(gateway.metric(fmt::format(
                    "weir_parts_total{{route=\"GET,HEAD /all\",part=\"{}\",outcome=\"{}\"}}", part, fate)),
                Optional(1.0))
        << part;
  }
  gate.open();
}

TEST(GatewayCompose, AllPartsTogetherAreBoundedInBytes) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(ok("\"" + std::string(598, 'x') + "\"")); });
  const GatewayProcess gateway(
      file({{"u", upstream.address()}},
           "path: /, compose: { body_bytes: 1KiB, parts: { a: { upstream: u, path: /, body_bytes: 1KiB }, "
           "b: { upstream: u, path: /, body_bytes: 1KiB } } }"));
  const Reply reply = ask_once(gateway.address(), get("/"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body,
              ::testing::AnyOf(HasSubstr("\"missing\":[\"a\"]"), HasSubstr("\"missing\":[\"b\"]")));
}

TEST(GatewayCompose, WithoutWhatIsRequiredTheLadderGoesOn) {
  const RefusingPort down;
  Recorder offers(ok("[]"));
  BadUpstream b(offers.script());
  const std::string route = std::string(kTwo);
  {
    const GatewayProcess gateway(file({{"a", down.address(), "inflight: 5"}, {"b", b.address()}}, route));
    const Reply reply = ask_once(gateway.address(), get("/start/7"));
    EXPECT_EQ(reply.status, 502);
    EXPECT_THAT(reply.body, AllOf(HasSubstr("\"upstream\":\"a\""), HasSubstr("upstream_refused")));
    EXPECT_TRUE(gateway.counts("a", "upstream_refused", 1));
  }
  const GatewayProcess gateway(
      file({{"a", down.address(), "inflight: 5, fallback: { status: 203, body: later }"}, {"b", b.address()}},
           route));
  const Reply reply = ask_once(gateway.address(), get("/start/7"));
  EXPECT_EQ(reply.status, 203);
  EXPECT_EQ(reply.body, "later");
  EXPECT_THAT(reply.field("weir-degraded"), Optional(std::string("fallback")));
  EXPECT_TRUE(gateway.counts("a", "fallback", 1));
  EXPECT_TRUE(gateway.falls_idle());
}

TEST(GatewayCompose, ARequiredPartThatIsNoGoodIsToldApartFromOneThatIsNotThere) {
  const auto route = [](std::string_view more) {
    return fmt::format("path: /, compose: {{ parts: {{ u: {{ upstream: u, path: /, required: true{} }} }} }}",
                       more);
  };
  const auto ask = [&](const std::string& response, std::string_view more = "") {
    BadUpstream upstream([&response](BadUpstream::Peer& peer) { peer.serve(response); });
    const GatewayProcess gateway(file({{"u", upstream.address()}}, route(more)));
    return ask_once(gateway.address(), get("/"));
  };
  const Reply gone = ask("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(gone.body, "no");
  EXPECT_THAT(gone.field("content-type"), Optional(std::string("text/plain")));
  const std::vector<std::pair<std::string, std::string_view>> unfit{
      {"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}", ""},
      {"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}", ""},
      {ok("{\"a\":"), ""},
      {ok("{} {}"), ""},
      {ok(""), ""},
      {ok("\"123456789\""), ", body_bytes: 10"}};
  for (const auto& [response, more] : unfit) {
    const Reply reply = ask(response, more);
    EXPECT_EQ(reply.status, 502) << response;
    EXPECT_THAT(reply.body, HasSubstr("part_unfit")) << response;
  }
}

TEST(GatewayCompose, AsManyAtOnceAsAreDeclaredAlsoAfterAReload) {
  Gate gate;
  BadUpstream upstream([&gate](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      if (!gate.wait() || !peer.write(ok("1"))) return;
    }
  });
  const auto text = [&](int at_once) {
    return file({{"u", upstream.address()}},
                fmt::format("path: /, compose: {{ at_once: {}, parts: {{ n: {{ upstream: u, path: / }} }} }}",
                            at_once));
  };
  const GatewayProcess gateway(text(1));
  RawClient first(gateway.address()), second(gateway.address()), admin(gateway.admin());
  first.send(get("/"));
  ASSERT_TRUE(gate.wait_arrived(1));
  const Reply refused = second.ask(get("/"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("\"bound\":\"composing:GET,HEAD /\",\"limit\":1"));
  EXPECT_TRUE(gateway.counts("u", "refused_compose", 1));
  gateway.rewrite(text(2));
  EXPECT_EQ(admin.ask("POST /-/reload HTTP/1.1\r\nHost: admin\r\nContent-Length: 0\r\n\r\n").status, 200);
  second.send(get("/"));
  EXPECT_TRUE(gate.wait_arrived(2));
  EXPECT_EQ(gateway.bound("composing:GET,HEAD /").limit, 2U);
  gate.open();
  EXPECT_EQ(first.read_reply().body, "{\"n\":1,\"missing\":[]}\n");
  EXPECT_EQ(second.read_reply().body, "{\"n\":1,\"missing\":[]}\n");
  EXPECT_TRUE(gateway.falls_idle());
}

TEST(GatewayCompose, APartIsTakenFromTheCacheAndStaleWhereNothingElseIsToBeHad) {
  std::atomic<bool> fails = false;
  std::atomic<int> failed = 0;
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      failed += fails ? 1 : 0;
      if (!peer.write(fails ? "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" : ok("\"kept\""))) return;
    }
  });
  const GatewayProcess gateway(
      file({{"u", upstream.address(), "inflight: 5, cache: { fresh_for: 1ms, stale_if_error: 1h }"}},
           "path: /, compose: { parts: { n: { upstream: u, path: / } } }"));
  RawClient client(gateway.address());
  EXPECT_EQ(client.ask(get("/")).body, "{\"n\":\"kept\",\"missing\":[]}\n");
  fails = true;
  EXPECT_TRUE(becomes_true([&] {
    const Reply reply = client.ask(get("/"));
    EXPECT_EQ(reply.body, "{\"n\":\"kept\",\"missing\":[]}\n");
    return failed > 0;
  }));
}

}  // namespace
}  // namespace weir::testing

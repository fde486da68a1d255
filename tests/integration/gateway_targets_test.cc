// Several targets behind one upstream, over real sockets: one dies, hangs, answers 503,
// comes back; what the others get; what a reload does to them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <atomic>
#include <string>
#include <vector>

#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

// Answers with its name, as long as it is told to.
struct Named {
  explicit Named(std::string text)
      : name(std::move(text)), upstream([this](BadUpstream::Peer& peer) { serve(peer); }) {}

  void serve(BadUpstream::Peer& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      const bool check = head.starts_with("GET /healthz");
      ++(check ? checks : requests);
      const bool good = check ? well.load() : answers.load();
      if (!peer.write(good ? ok(name) : "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"))
        return;
    }
  }
  std::string url() const { return "http://" + upstream.address().to_string(); }

  const std::string name;
  std::atomic<bool> answers{true};
  std::atomic<bool> well{true};
  std::atomic<int> requests{0};
  std::atomic<int> checks{0};
  BadUpstream upstream;
};

// `targets`: entries of the list.
std::string file(const std::vector<std::string>& targets, const std::string& values = "") {
  std::string list;
  for (const std::string& target : targets) list += (list.empty() ? "" : ", ") + ("{ " + target + " }");
  return fmt::format(
      "service: edge\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\nbounds: {{ inflight: {{ limit: 200 }} }}\n"
      "upstreams: {{ u: {{ targets: [{}], inflight: 100, slow_start: 0s{} }} }}\n"
      "routes: [ {{ match: /, upstream: u }} ]\n",
      list, values);
}
std::string url(const std::string& address) { return fmt::format("url: \"{}\"", address); }
std::string url(const net::SocketAddress& address) { return url("http://" + address.to_string()); }
std::string url(const Named& target) { return url(target.url()); }

Reply reload(const GatewayProcess& gateway) {
  RawClient client(gateway.admin());
  return client.ask("POST /-/reload HTTP/1.1\r\nHost: admin\r\nContent-Length: 0\r\n\r\n");
}

// What /debug/targets has of the target with this url, up to the next.
std::string target_line(const GatewayProcess& gateway, const std::string& url) {
  const std::string page = gateway.page("/debug/targets").body;
  const std::size_t at = page.find("{\"url\": \"" + url);
  return at == std::string::npos ? "" : page.substr(at, page.find('\n', at) - at);
}

TEST(GatewayTargets, ShareRequestsByTheirWeights) {
  Named a("a"), b("b");
  GatewayProcess gateway(file({url(a) + ", weight: 3", url(b)}));
  RawClient client(gateway.address());
  for (int i = 0; i < 400; ++i) ASSERT_EQ(client.ask(get("/")).status, 200);
  EXPECT_EQ(a.requests + b.requests, 400);
  // One at a time, the weights alone decide.
  EXPECT_NEAR(a.requests, 300, 45);
  EXPECT_THAT(target_line(gateway, a.url()), HasSubstr("\"weight\": 3"));
}

TEST(GatewayTargets, OneThatIsBusyGetsLess) {
  Gate gate;
  std::atomic<int> hanging{0};
  BadUpstream slow([&](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      ++hanging;
      if (!gate.wait() || !peer.write(ok("slow"))) return;
    }
  });
  Named quick("quick");
  GatewayProcess gateway(file({url(slow.address()), url(quick)}));
  std::vector<RawClient> waiting;
  // One is caught by the slow one; from then on the other always has less inside.
  RawClient client(gateway.address());
  while (hanging == 0) {
    RawClient one(gateway.address());
    one.send(get("/"));
    waiting.push_back(std::move(one));
    ASSERT_LT(waiting.size(), 60U);
    ASSERT_TRUE(becomes_true([&] { return hanging + quick.requests >= static_cast<int>(waiting.size()); }));
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(client.ask(get("/")).body, "quick");
  EXPECT_EQ(hanging, 1);
  gate.open();
  EXPECT_EQ(waiting.back().read_reply().body, "slow");
}

TEST(GatewayTargets, OneThatIsDeadIsLeftAloneAndRetriesGoToAnother) {
  const RefusingPort dead;
  Named a("a"), b("b");
  GatewayProcess gateway(file({url(dead.address()), url(a), url(b)},
                              ", retry: { tries: 2, backoff: 0s }, budget: { share: 1, per_second: 1000 }"));
  RawClient client(gateway.address());
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.ask(get("/")).status, 200) << "request " << i;
  const std::string line = target_line(gateway, "http://" + dead.address().to_string());
  EXPECT_THAT(line, HasSubstr("\"state\": \"ejected\", \"why\": \"consecutive_failures\""));
  EXPECT_THAT(line, HasSubstr("\"ejections\": 1, \"good\": 0, \"bad\": 5"));
  EXPECT_EQ(gateway.metric(fmt::format("weir_target_ejections_total{{upstream=\"u\",target=\"http://{}\"}}",
                                       dead.address().to_string())),
            1);
}

TEST(GatewayTargets, OneThatAnswers503ComesBackWhenItsTimeIsUp) {
  Named a("a"), b("b");
  a.answers = false;
  GatewayProcess gateway(file({url(a), url(b)}, ", eject: { consecutive_failures: 3, time: 300ms }"));
  RawClient client(gateway.address());
  int refused = 0;
  for (int i = 0; i < 60; ++i) refused += client.ask(get("/")).status == 503 ? 1 : 0;
  EXPECT_GE(refused, 3);
  EXPECT_GE(b.requests, 1);
  a.answers = true;
  const int before = a.requests;
  EXPECT_TRUE(becomes_true([&] {
    EXPECT_EQ(client.ask(get("/")).status, 200);
    return a.requests > before + 5;
  }));
}

TEST(GatewayTargets, OneThatHangsIsLeftAlone) {
  BadUpstream hangs([](BadUpstream::Peer& peer) { peer.wait_gone(); });
  Named good("good");
  GatewayProcess gateway(file({url(hangs.address()), url(good)},
                              ", retry: { tries: 3, try_timeout: 100ms, backoff: 0s }, "
                              "budget: { share: 1, per_second: 1000 }, eject: { consecutive_failures: 2 }"));
  RawClient client(gateway.address());
  for (int i = 0; i < 40; ++i) ASSERT_EQ(client.ask(get("/")).body, "good");
  const std::string line = target_line(gateway, "http://" + hangs.address().to_string());
  EXPECT_THAT(line, HasSubstr("\"state\": \"ejected\""));
  EXPECT_THAT(line, HasSubstr("\"bad\": 2"));
}

TEST(GatewayTargets, HalfOfThemAtMostAreLeftAlone) {
  const RefusingPort dead[4];
  GatewayProcess gateway(
      file({url(dead[0].address()), url(dead[1].address()), url(dead[2].address()), url(dead[3].address())},
           ", eject: { consecutive_failures: 1, time: 1m }"));
  RawClient client(gateway.address());
  for (int i = 0; i < 40; ++i) EXPECT_EQ(client.ask(get("/")).status, 502);
  const std::string page = gateway.page("/debug/targets").body;
  std::size_t out = 0;
  for (std::size_t at = page.find("\"ejected\""); at != std::string::npos;
       at = page.find("\"ejected\"", at + 1))
    ++out;
  EXPECT_EQ(out, 2U);
}

TEST(GatewayTargets, AreCheckedAndUsedAsTheChecksSay) {
  Named a("a"), b("b");
  GatewayProcess gateway(
      file({url(a), url(b)},
           ", health: { path: /healthz, interval: 20ms, unhealthy_after: 2, healthy_after: 2 }"));
  EXPECT_TRUE(
      becomes_true([&] { return gateway.page("/readyz").status == 200 && a.checks > 2 && b.checks > 2; }));
  a.well = false;
  ASSERT_TRUE(becomes_true([&] {
    return target_line(gateway, a.url()).find("\"state\": \"unhealthy\", \"why\": \"status 503\"") !=
           std::string::npos;
  }));
  const int before = a.requests;
  RawClient client(gateway.address());
  for (int i = 0; i < 40; ++i) EXPECT_EQ(client.ask(get("/")).body, "b");
  EXPECT_EQ(a.requests, before);
  a.well = true;
  EXPECT_TRUE(becomes_true([&] {
    EXPECT_EQ(client.ask(get("/")).status, 200);
    return a.requests > before;
  }));
}

TEST(GatewayTargets, WhereNoneIsWellAllAreUsed) {
  Named a("a"), b("b");
  a.well = b.well = false;
  GatewayProcess gateway(
      file({url(a), url(b)}, ", health: { path: /healthz, interval: 20ms, unhealthy_after: 1 }"));
  ASSERT_TRUE(becomes_true([&] {
    const std::string page = gateway.page("/debug/targets").body;
    return page.find("\"unhealthy\"") != page.rfind("\"unhealthy\"");
  }));
  RawClient client(gateway.address());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.ask(get("/")).status, 200);
}

TEST(GatewayTargets, AFullOneIsPassedByAndWhereAllAreFullItIsRefused) {
  Gate gate;
  const auto script = [&gate](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      if (!gate.wait() || !peer.write(ok("done"))) return;
    }
  };
  BadUpstream a(script), b(script);
  GatewayProcess gateway(file({url(a.address()) + ", inflight: 1", url(b.address()) + ", inflight: 2"}));
  std::vector<RawClient> inside;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    inside.emplace_back(gateway.address()).send(get("/"));
    ASSERT_TRUE(gate.wait_arrived(i));
  }
  EXPECT_EQ(ask_once(gateway.address(), get("/")).status, 503);
  gate.open();
  for (RawClient& client : inside) EXPECT_EQ(client.read_reply().status, 200);
}

TEST(GatewayTargets, ChangeOnAReloadAndRequestsInsideFinish) {
  Gate gate;
  BadUpstream old([&gate](BadUpstream::Peer& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      if (head.starts_with("GET /slow") && !gate.wait()) return;
      if (!peer.write(ok("old"))) return;
    }
  });
  Named fresh("fresh");
  GatewayProcess gateway(file({url(old.address())}));
  // One connection idle, one with a request inside.
  RawClient slow(gateway.address());
  slow.send(get("/slow"));
  ASSERT_TRUE(gate.wait_arrived(1));
  EXPECT_EQ(ask_once(gateway.address(), get("/")).body, "old");
  ASSERT_EQ(old.accepted(), 2U);

  gateway.rewrite(file({url(fresh)}));
  const Reply reloaded = reload(gateway);
  EXPECT_EQ(reloaded.status, 200);
  EXPECT_THAT(reloaded.body, HasSubstr("upstreams.u.targets: http://" + old.address().to_string() + " -> " +
                                       fresh.url() + "\n"));
  RawClient client(gateway.address());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.ask(get("/")).body, "fresh");
  old.wait_ended(1);  // what was idle is closed at once
  gate.open();
  EXPECT_EQ(slow.read_reply().body, "old") << "what was inside has finished where it was";
  old.wait_ended(2);
  EXPECT_EQ(old.accepted(), 2U);
}

TEST(GatewayTargets, ANameWithoutAnAddressChangesNothing) {
  Named a("a");
  GatewayProcess gateway(file({url(a)}));
  gateway.rewrite(file({url("http://no-such-host.invalid:80")}));
  const Reply reply = reload(gateway);
  EXPECT_EQ(reply.status, 409);
  EXPECT_THAT(reply.body, HasSubstr("upstream 'u': no address for 'no-such-host.invalid': "));
  EXPECT_THAT(reply.body, HasSubstr("\nnothing is changed\n"));
  EXPECT_EQ(ask_once(gateway.address(), get("/")).body, "a");
}

// Only one of the two addresses that the name has is listened on.
TEST(GatewayTargets, OneGivenByNameIsReachedAtWhicheverOfItsAddressesAnswers) {
  Named a("a");
  const std::string at = fmt::format("http://localhost:{}", a.upstream.address().port());
  GatewayProcess gateway(file({url(at)}, ", connections: { idle_max: 0, resolve: 1s }"));
  RawClient client(gateway.address());
  for (int i = 0; i < 10; ++i) ASSERT_EQ(client.ask(get("/")).body, "a") << i;
  EXPECT_THAT(target_line(gateway, at), HasSubstr("\"addresses\": 2"));
  EXPECT_EQ(gateway.metric("weir_target_addresses{upstream=\"u\",target=\"" + at + "\"}"), 2);
  EXPECT_EQ(a.requests, 10);
}

// What many hosts share tells them by it.
TEST(GatewayTargets, AreAskedForTheirHealthByTheNameThatTheFileHas) {
  Recorder recorder(ok("well"));
  BadUpstream upstream(recorder.script());
  const std::string at = fmt::format("http://localhost:{}", upstream.address().port());
  GatewayProcess gateway(file({url(at)}, ", health: { path: /healthz, interval: 10ms }"));
  ASSERT_TRUE(becomes_true([&] { return !recorder.seen().empty(); }));
  const std::string head = recorder.seen().front().head;
  EXPECT_THAT(head, HasSubstr(fmt::format("ost: localhost:{}\r\n", upstream.address().port())));
}

// Each connection that is not kept takes a port for a minute.
TEST(GatewayTargets, SayHowManyPortsTheyTake) {
  Named a("a");
  GatewayProcess gateway(file({url(a)}, ", connections: { idle_max: 0 }"));
  RawClient client(gateway.address());
  for (int i = 0; i < 20; ++i) ASSERT_EQ(client.ask(get("/")).body, "a");
  const std::string sample = "weir_target_ports_used{upstream=\"u\",target=\"" + a.url() + "\"}";
  EXPECT_TRUE(becomes_true([&] { return gateway.metric(sample) == 20; })) << gateway.page("/metrics").body;
}

}  // namespace
}  // namespace weir::testing

// What goes wrong around a gateway all at once: storms of resets, no descriptors
// left, many that send a byte at a time. Others do not notice, and nothing stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>
#include <vector>

#include "tests/integration/gateway_process.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

// A process's hard limit on descriptors, from outside.
void limit_descriptors(pid_t process, std::size_t count) {
  const rlimit limit{.rlim_cur = count, .rlim_max = count};
  ASSERT_EQ(prlimit(process, RLIMIT_NOFILE, &limit, nullptr), 0);
}

TEST(GatewayFaults, AStormOfResetsLeavesNothingBehindAndOthersDoNotNotice) {
  Recorder recorder(ok("fine"));
  BadUpstream upstream(recorder.script());
  BadUpstream slow([](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.wait_gone();
  });
  GatewayProcess gateway(
      {.upstreams = {{"u", upstream.address()}, {"slow", slow.address(), "inflight: 50, timeout: 60s"}}});
  Bystander bystander(gateway.address(), "/u/");
  bystander.mark();
  const std::size_t before = gateway.process().descriptors();
  const std::vector<std::string> beginnings{
      "",         "G",           "GET /u/ HTTP/1.1\r\nHos",
      get("/u/"), get("/slow/"), "POST /u/ HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf"};
  for (int i = 0; i < 300; ++i) {
    RawClient client(gateway.address());
    client.send(beginnings[static_cast<std::size_t>(i) % beginnings.size()]);
    client.reset();
  }
  bystander.mark();
  EXPECT_TRUE(bystander.noticed_nothing());
  EXPECT_TRUE(gateway.falls_idle());
  // A few connections to the upstreams may be kept now.
  EXPECT_TRUE(becomes_true([&] { return gateway.process().descriptors() <= before + 60; }));
  EXPECT_EQ(ask_once(gateway.address(), get("/u/")).status, 200);
}

TEST(GatewayFaults, WithoutDescriptorsItServesWhomItHasAndGoesOnWhenThereAreSomeAgain) {
  Recorder recorder(ok("fine"));
  BadUpstream upstream(recorder.script());
  GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient served(gateway.address());
  ASSERT_EQ(served.ask(get("/u/")).status, 200);
  limit_descriptors(gateway.process().pid(), gateway.process().descriptors() + 3);
  {
    std::vector<RawClient> crowd;
    for (int i = 0; i < 20; ++i) crowd.emplace_back(gateway.address());  // the kernel takes them in
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(served.ask(get("/u/")).status, 200);  // and its connection to the upstream is kept
    }
  }
  EXPECT_EQ(ask_once(gateway.address(), get("/u/")).status, 200);
  EXPECT_TRUE(
      becomes_true([&] { return gateway.metric("weir_http_accept_pauses_total{listener=\"public\"}") > 0; }));
  EXPECT_EQ(served.ask(get("/u/")).status, 200);
}

TEST(GatewayFaults, ManyThatSendAByteAtATimeAreToldSoAndOthersDoNotNotice) {
  Recorder recorder(ok("fine"));
  BadUpstream upstream(recorder.script());
  GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}, .server = "header_timeout: 300ms"});
  Bystander bystander(gateway.address(), "/u/");
  bystander.mark();
  std::vector<RawClient> slow;
  for (int i = 0; i < 100; ++i) slow.emplace_back(gateway.address());
  for (const char byte : std::string_view("GET /u/ HTTP/1.1\r\nHost: h\r\nX: ")) {
    for (RawClient& client : slow) client.send({&byte, 1});
    bystander.mark();
  }
  for (RawClient& client : slow) {
    const Reply reply = client.read_reply();
    EXPECT_EQ(reply.status, 408);
    EXPECT_THAT(reply.body, HasSubstr("head_timeout"));
  }
  EXPECT_TRUE(bystander.noticed_nothing());
  EXPECT_EQ(ask_once(gateway.address(), get("/u/")).status, 200);
  EXPECT_TRUE(gateway.falls_idle());
}

TEST(GatewayFaults, EventsArriveAsTheyAreSent) {
  // A stream of server-sent events: nothing is kept back for more to come.
  static constexpr std::string_view kMore = "1\r\nx\r\n";
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    if (peer.read_head().empty()) return;
    peer.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
      const std::string event = "data: " + std::to_string(i) + "\n\n";
      peer.write(chunked(event, event.size()).substr(0, event.size() + 5));
      // Only the client's next request of it, which comes once it has the event.
      if (i < 2 && peer.read_bytes(kMore.size()).empty()) return;
    }
    peer.write("0\r\n\r\n");
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  client.send("POST /u/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  const auto expect_event = [&](int number) {
    const std::string event = "data: " + std::to_string(number) + "\n\n";
    const std::string chunk = "9\r\n" + event + "\r\n";
    EXPECT_EQ(client.read_bytes(chunk.size()), chunk);
  };
  client.send(kMore);
  EXPECT_EQ(client.read_head().status, 200);
  expect_event(0);
  client.send(kMore);
  expect_event(1);
}

}  // namespace
}  // namespace weir::testing

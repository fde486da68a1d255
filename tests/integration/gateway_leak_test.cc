// Thousands of requests of every fate leave nothing behind.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

// By the request's own wish: /bad/<fate>.
void fail_as_told(BadUpstream::Peer& peer) {
  for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
    const bool wants_reset = head.starts_with("GET /bad/reset");
    if (wants_reset || head.starts_with("GET /bad/half-reset")) {
      if (!wants_reset) peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
      peer.reset();
      return;
    }
    if (head.starts_with("GET /bad/close")) return;
    if (head.starts_with("GET /bad/garbage")) {
      peer.write("this is not HTTP\r\n\r\n");
    } else if (head.starts_with("GET /bad/hang")) {
      peer.wait_gone();
      return;
    } else {
      peer.write(ok("fine"));
    }
  }
}

// One request of the fate with this number, on a connection of its own.
void meet_fate(const net::SocketAddress& gateway, int number) {
  static const std::array<std::string, 9> kRequests{
      get("/bad/ok", "X-Tenant-ID: t\r\n"),
      get("/bad/reset"),
      get("/bad/half-reset"),
      get("/bad/close"),
      get("/bad/garbage"),
      get("/gone/"),
      get("/nowhere"),
      "not HTTP\r\n\r\n",
      post("/bad/ok", pattern(30'000), "Connection: close\r\n"),
  };
  RawClient client(gateway);
  const auto fate = static_cast<std::size_t>(number) % (kRequests.size() + 3);
  if (fate < kRequests.size()) {
    (void)client.ask(kRequests[fate]);
  } else if (fate == kRequests.size()) {  // leaves while the upstream hangs
    client.send(get("/bad/hang"));
    client.reset();
  } else if (fate == kRequests.size() + 1) {  // leaves in the middle of its own body
    client.send("POST /bad/ok HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf");
  } else {  // leaves in the middle of its head
    client.send("GET /bad/ok HT");
  }
}

void meet_fates(const net::SocketAddress& gateway, int count) {
  std::atomic<int> next{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int number = next++; number < count; number = next++) meet_fate(gateway, number);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(GatewayLeaks, TwoThousandRequestsOfMixedFateLeaveDescriptorsAndMemoryAsTheyWere) {
  const RefusingPort refusing;
  BadUpstream upstream(fail_as_told);
  GatewayProcess gateway({.inflight = "limit: 6, queue: { depth: 4, wait: 20ms }",
                          .tenant = "key: \"header:X-Tenant-ID\", inflight: 4",
                          .upstreams = {{"bad", upstream.address(),
                                         "inflight: 6, timeout: 500ms, connections: { idle_timeout: 100ms }"},
                                        {"gone", refusing.address(), "inflight: 6"}},
                          .drain = "deadline: 60s"});
  const std::size_t descriptors = gateway.process().descriptors();

  meet_fates(gateway.address(), 1'000);  // warm: what is kept for reuse is there
  EXPECT_TRUE(gateway.falls_idle());
  const std::size_t warm = gateway.process().rss_bytes();
  meet_fates(gateway.address(), 2'000);
  EXPECT_TRUE(gateway.falls_idle());
  const std::size_t after = gateway.process().rss_bytes();

  EXPECT_TRUE(becomes_true([&] { return gateway.bound("connections").in_use == 0; }));
  EXPECT_TRUE(becomes_true(
      [&] { return gateway.metric("weir_upstream_connections_open{upstream=\"bad\"}") == 0.0; }));
  EXPECT_TRUE(becomes_true([&] { return gateway.process().descriptors() == descriptors; }))
      << gateway.process().descriptors() << " descriptors are open, " << descriptors << " were";
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
  EXPECT_LT(after, warm + (std::size_t{2} << 20)) << "2,000 requests at 1 KiB each would be as much";
#else
  (void)warm;
  (void)after;
#endif
  EXPECT_EQ(ask_once(gateway.address(), get("/bad/ok")).status, 200);
}

}  // namespace
}  // namespace weir::testing

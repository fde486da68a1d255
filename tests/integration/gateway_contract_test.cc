// What an upstream is told of the bounds that a request stands under, and what becomes of
// a request whose time is up, over sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;

// The heads that an upstream was sent, in the order they came.
class SeenHeads {
 public:
  // How many there are then.
  std::size_t add(std::string head) {
    const std::lock_guard guard(lock_);
    heads_.push_back(std::move(head));
    return heads_.size();
  }
  std::vector<std::string> all() const {
    const std::lock_guard guard(lock_);
    return heads_;
  }

 private:
  mutable std::mutex lock_;
  std::vector<std::string> heads_;  // guarded by lock_
};

// The values of a field in a head, in the order they came.
std::vector<std::string> values_of(std::string_view head, std::string_view name) {
  return Reply{.head = std::string(head)}.fields(name);
}

int number_of(std::string_view head, std::string_view name) {
  const std::vector<std::string> values = values_of(head, name);
  int number = -1;
  if (values.size() == 1) std::from_chars(values[0].data(), values[0].data() + values[0].size(), number);
  return number;
}

BoundsFile contract_file(const net::SocketAddress& upstream, const std::string& more) {
  return {.tenant = "key: \"header:X-T\", inflight: 20",
          .upstreams = {{"u", upstream,
                         "inflight: 20, " + more +
                             ", contract: { deadline: X-Left-Ms, attempt: X-Attempt, tenant: X-Tenant, "
                             "priority: X-Importance }"}},
          .more_bounds = "  priority: { key: \"header:X-P\" }\n"};
}

TEST(GatewayContract, EachTryIsToldItsNumberItsTimeWhoAsksAndHowImportantItIs) {
  SeenHeads seen;
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    for (std::string head; !(head = peer.read_head()).empty();) {
      const std::size_t number = seen.add(head);
      if (!peer.write(number == 1 ? "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n" : ok("done"))) return;
    }
  });
  const GatewayProcess gateway(
      contract_file(upstream.address(), "timeout: 2s, retry: { tries: 2, backoff: 0 }"));
  // What the client says in these fields of its own is no word of the gateway's.
  const Reply reply = ask_once(gateway.address(),
                               get("/u/",
                                   "X-T: acme\r\nX-P: high\r\nX-Tenant: other\r\nX-Importance: critical\r\n"
                                   "X-Attempt: 7\r\nX-Attempt: 8\r\n"));
  EXPECT_EQ(reply.body, "done");
  const std::vector<std::string> heads = seen.all();
  ASSERT_EQ(heads.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_THAT(values_of(heads[i], "X-Attempt"), ElementsAre(std::to_string(i + 1)));
    EXPECT_THAT(values_of(heads[i], "X-Tenant"), ElementsAre("acme"));
    EXPECT_THAT(values_of(heads[i], "X-Importance"), ElementsAre("high"));
    EXPECT_GT(number_of(heads[i], "X-Left-Ms"), 0);
    EXPECT_LE(number_of(heads[i], "X-Left-Ms"), 2000);
  }
  EXPECT_LE(number_of(heads[1], "X-Left-Ms"), number_of(heads[0], "X-Left-Ms"));
}

TEST(GatewayContract, AClientsOwnDeadlineIsPassedOnAndKept) {
  std::atomic<int> told{-1};
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    told = number_of(peer.read_head(), "X-Left-Ms");
    peer.wait_gone();
  });
  const GatewayProcess gateway(contract_file(upstream.address(), "timeout: 60s"));
  const Reply reply = ask_once(gateway.address(), get("/u/", "X-T: acme\r\nX-Left-Ms: 150\r\n"));
  EXPECT_EQ(reply.status, 504);
  EXPECT_GT(told, 0);
  EXPECT_LE(told, 150);
  EXPECT_TRUE(gateway.counts("u", "upstream_timeout", 1));
}

// What it waited at the gateway is off what the upstream is told.
TEST(GatewayContract, PatienceCountsFromWhenTheRequestCame) {
  constexpr int kPatienceMs = 5'000, kWaitedMs = 300;
  Gate gate;
  SeenHeads seen;
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    for (std::string head; !(head = peer.read_head()).empty();) {
      seen.add(head);
      if (!gate.wait() || !peer.write(ok("done"))) return;
    }
  });
  const GatewayProcess gateway({.inflight = "limit: 1, queue: { depth: 1, wait: 10s }",
                                .upstreams = {{"u", upstream.address(), "inflight: 1, timeout: 60s"}}});
  RawClient first(gateway.address()), second(gateway.address());
  first.send(get("/u/"));
  ASSERT_TRUE(gate.wait_arrived(1));
  second.send(get("/u/", "Grpc-Timeout: " + std::to_string(kPatienceMs) + "m\r\n"));
  ASSERT_TRUE(becomes_true([&] { return gateway.bound("inflight").queue_depth == 1; }));
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(becomes_true([&] {
    (void)gateway.page("/healthz");
    return std::chrono::steady_clock::now() - began >= std::chrono::milliseconds(kWaitedMs);
  }));
  gate.open();
  EXPECT_EQ(first.read_reply().status, 200);
  EXPECT_EQ(second.read_reply().status, 200);
  const std::vector<std::string> heads = seen.all();
  ASSERT_EQ(heads.size(), 2U);
  EXPECT_THAT(values_of(heads[0], "grpc-timeout"), ElementsAre());
  const std::vector<std::string> told = values_of(heads[1], "grpc-timeout");
  ASSERT_EQ(told.size(), 1U);
  ASSERT_TRUE(told[0].ends_with('u')) << told[0] << ", in microseconds";
  EXPECT_GT(std::stoi(told[0]), 0);
  EXPECT_LE(std::stoi(told[0]), (kPatienceMs - kWaitedMs) * 1'000);
}

// A stream that the upstream's time ends does not look like one that came to its end.
TEST(GatewayContract, AStreamOfEventsThatOutlastsTheTimeoutIsCutOff) {
  BadUpstream upstream([](BadUpstream::Peer& peer) {
    if (peer.read_head().empty()) return;
    peer.write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        "9\r\ndata: 1\n\n\r\n");
    peer.wait_gone();
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address(), "inflight: 5, timeout: 300ms"}}});
  RawClient client(gateway.address());
  client.send(get("/u/"));
  const Reply reply = client.read_reply();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "data: 1\n\n");
  EXPECT_FALSE(reply.complete);
  EXPECT_EQ(reply.ending, Ending::reset);
  EXPECT_TRUE(gateway.counts("u", "upstream_broke_off", 1));
  EXPECT_TRUE(gateway.falls_idle());
}

}  // namespace
}  // namespace weir::testing

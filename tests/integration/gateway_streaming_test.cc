// Large bodies pass through the gateway and are not kept in it.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_TEST_SANITIZED 1
#endif
#endif

constexpr std::size_t kMebibyte = std::size_t{1} << 20;

// Sanitizers keep what was freed, and shadow what is there.
bool memory_means_something() {
#ifdef WEIR_TEST_SANITIZED
  return false;
#else
  return true;
#endif
}

// Runs `work` and expects that the gateway's memory has not grown by more than
// `most` at any moment of it.
template <typename Work>
void expect_flat_memory(GatewayProcess& gateway, std::size_t most, Work work) {
  const std::size_t before = gateway.process().rss_bytes_peak();
  work();
  const std::size_t grown = gateway.process().rss_bytes_peak() - before;
  if (memory_means_something()) EXPECT_LT(grown, most);
}

TEST(GatewayStreaming, TwentyMebibytesComeDownWithFlatMemory) {
  const std::string body = pattern(20 * kMebibyte);
  Recorder known(ok(body));
  Recorder chunks("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, 100'000));
  BadUpstream known_upstream(known.script());
  BadUpstream chunks_upstream(chunks.script());
  GatewayProcess gateway(
      {.upstreams = {{"known", known_upstream.address()}, {"chunks", chunks_upstream.address()}}});
  RawClient client(gateway.address());
  ASSERT_EQ(client.ask(get("/elsewhere")).status, 404);
  expect_flat_memory(gateway, 8 * kMebibyte, [&] {
    for (const char* target : {"/known/", "/chunks/"}) {
      const Reply reply = client.ask(get(target));
      EXPECT_EQ(reply.status, 200) << target;
      EXPECT_TRUE(reply.complete) << target;
      EXPECT_TRUE(reply.body == body) << target;
    }
  });
}

TEST(GatewayStreaming, NineHundredKibibytesGoUpBothWaysOfFraming) {
  Recorder recorder(ok("stored"));
  BadUpstream upstream(recorder.script());
  GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  const std::string body = pattern(900 << 10);
  RawClient client(gateway.address());
  ASSERT_EQ(client.ask(get("/elsewhere")).status, 404);
  expect_flat_memory(gateway, 4 * kMebibyte, [&] {
    for (int i = 0; i < 10; ++i) {
      ASSERT_EQ(client.ask(post("/u/", body)).status, 200);
      ASSERT_EQ(client
                    .ask("POST /u/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                         chunked(body, 77'777))
                    .status,
                200);
    }
  });
  ASSERT_EQ(recorder.seen().size(), 20U);
  for (const SeenRequest& request : recorder.seen()) EXPECT_TRUE(request.complete && request.body == body);
}

TEST(GatewayStreaming, AClientThatDoesNotReadHoldsItsUpstreamBack) {
  constexpr std::size_t kPieces = 1024;  // 64 MiB in all: more than all the buffers between
  const std::string piece = pattern(64 << 10);
  std::atomic<std::size_t> written{0};
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kPieces * piece.size()) + "\r\n\r\n");
    for (std::size_t i = 0; i < kPieces && peer.write(piece); ++i) ++written;
  });
  GatewayProcess gateway({.upstreams = {{"u", upstream.address()}}});
  RawClient client(gateway.address());
  expect_flat_memory(gateway, 8 * kMebibyte, [&] {
    client.send(get("/u/"));
    ASSERT_EQ(client.read_head().status, 200);
    // It stands still once nothing has moved while the gateway answered others.
    ASSERT_TRUE(becomes_true([&] {
      const std::size_t before = written;
      for (int i = 0; i < 50; ++i) (void)gateway.page("/healthz");
      return before > 0 && written == before;
    }));
    EXPECT_LT(written, kPieces);
    EXPECT_EQ(gateway.bound("upstream:u").in_use, 1U);
    EXPECT_EQ(client.read_bytes(kPieces * piece.size()).size(), kPieces * piece.size());
  });
  EXPECT_EQ(written, kPieces);
  EXPECT_TRUE(gateway.counts("u", "forwarded", 1));
}

}  // namespace
}  // namespace weir::testing

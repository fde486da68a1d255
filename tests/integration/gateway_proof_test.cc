// What the proof of a gateway says before anything has come, held against what it takes
// when everything is full.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/h2_client.h"
#include "tests/integration/upstream_scripts.h"
#include "weir/base/sanitizers.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kConnections = 300, kInside = 150;

// So many fields that names and values are `bytes` together.
H2FieldList fields_of(std::size_t bytes) {
  constexpr std::size_t kFields = 95, kNameAndBreaks = 15;
  H2FieldList fields;
  for (std::size_t i = 0; i < kFields; ++i) {
    fields.emplace_back("x-field-" + std::to_string(100 + i),
                        std::string(bytes / kFields - kNameAndBreaks, 'v'));
  }
  return fields;
}

std::string text_of(const H2FieldList& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += name + ": " + value + "\r\n";
  return text;
}

// An upstream whose heads are as large as may be, and whose replies end when the gate opens.
BadUpstream::Script large_heads(Gate& gate) {
  return [&gate, head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n" + text_of(fields_of(31'000)) +
                        "\r\n"](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      if (!peer.write(head) || !gate.wait() || !peer.write("done")) return;
    }
  };
}

BoundsFile full_file(const net::SocketAddress& upstream, int waiting, const std::string& http2) {
  return {.inflight = "limit: " + std::to_string(kInside) + ", queue: { depth: " + std::to_string(waiting) +
                      ", wait: 1m }",
          .upstreams = {{"u", upstream, "inflight: " + std::to_string(kInside) + ", timeout: 60s"}},
          .server = "connections: " + std::to_string(kConnections) + ", http2: { " + http2 + " }"};
}

void expect_proved(GatewayProcess& gateway) {
  simdjson::dom::parser parser;
  simdjson::dom::element proof;
  const Reply page = gateway.page("/debug/bounds?proof=json");
  ASSERT_EQ(parser.parse(simdjson::padded_string(page.body)).get(proof), simdjson::SUCCESS) << page.body;
  EXPECT_EQ(std::string_view(proof["resources"].at(0)["resource"]), "memory");
  const auto predicted = static_cast<double>(std::uint64_t(proof["resources"].at(0)["demanded"]));
  const auto measured = static_cast<double>(gateway.process().rss_bytes_peak());
  ::testing::Test::RecordProperty("predicted", std::to_string(predicted));
  ::testing::Test::RecordProperty("measured", std::to_string(measured));
  EXPECT_LE(measured, predicted);
  EXPECT_LE(predicted, 2 * measured);
}

TEST(GatewayProof, IsATableAndRefusesWhatTheMachineDoesNotHave) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(ok("done")); });
  const BoundsFile file{.upstreams = {{"u", upstream.address()}}};
  const GatewayProcess gateway(file);
  EXPECT_THAT(gateway.page("/debug/bounds?proof").body, HasSubstr("connections"));
  EXPECT_THAT(gateway.page("/debug/bounds?proof=json").body, HasSubstr("\"fits\":true"));

  const BoundsFile large{.upstreams = {{"u", upstream.address()}},
                         .server = "connections: 1000000, header_bytes: 1MiB"};
  const TemporaryFile text(large.text());
  Process refused({WEIR_PROGRAM, "serve", text.path(), "--listen", "127.0.0.1:0"});
  EXPECT_EQ(refused.wait(kPatience), 2);
  EXPECT_THAT(refused.err(), HasSubstr("connections"));
  Process warned({WEIR_PROGRAM, "serve", text.path(), "--over-budget", "warn"});
  EXPECT_TRUE(warned.wait_for_err("listens on", kPatience));
  warned.signal(SIGTERM);
  EXPECT_EQ(warned.wait(kPatience), 0);
}

// Every connection open, every request inside, the queue full, with heads as large as
// may be on both sides.
TEST(GatewayProof, WhatIsMeasuredIsAtMostWhatIsPredictedAndAtLeastHalfOfIt) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes memory of its own";
  constexpr int kWaiting = kConnections - kInside;
  Gate gate;
  BadUpstream upstream(large_heads(gate));
  GatewayProcess gateway(full_file(upstream.address(), kWaiting, "enabled: false"));
  const std::string request = get("/u/" + std::string(1'000, 'p'), text_of(fields_of(30'500)));
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < kConnections; ++i) {
    clients.push_back(std::make_unique<RawClient>(gateway.address()));
    clients.back()->send(request);
  }
  ASSERT_TRUE(gate.wait_arrived(kInside));
  ASSERT_TRUE(becomes_true([&] { return gateway.bound("inflight").queue_depth == kWaiting; }));
  expect_proved(gateway);
  gate.open();
  for (const auto& client : clients) EXPECT_EQ(client->read_reply().status, 200);
}

// A head of any size, in as many frames as it takes.
void send_large_head(H2Client& client, std::uint32_t stream, const H2FieldList& fields, std::uint8_t flags) {
  constexpr std::size_t kFrameMax = 16'384;
  const std::string block = h2_block(fields);
  for (std::size_t at = 0; at < block.size(); at += kFrameMax) {
    const bool last = at + kFrameMax >= block.size();
    client.send_frame(at == 0 ? kHeaders : kContinuation,
                      static_cast<std::uint8_t>((at == 0 ? flags : 0) | (last ? kEndHeaders : 0)), stream,
                      std::string_view(block).substr(at, kFrameMax));
  }
}

// The same over HTTP/2, where besides each connection's window is full of a body that
// nobody reads yet, since its request waits.
TEST(GatewayProof, AFullLoadOfHttp2FillsTheWindowsToo) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes memory of its own";
  constexpr std::size_t kWindow = 65'535, kFrame = 16'384;
  constexpr std::uint32_t kFirst = 1, kSecond = 3;
  Gate gate;
  BadUpstream upstream(large_heads(gate));
  GatewayProcess gateway(full_file(upstream.address(), kConnections, "enabled: true"));
  const H2FieldList get_head = h2_get("/u/" + std::string(1'000, 'p'), fields_of(28'000));
  H2FieldList post_head = get_head;
  post_head.front().second = "POST";
  std::vector<std::unique_ptr<H2Client>> clients;
  for (int i = 0; i < kConnections; ++i) clients.push_back(std::make_unique<H2Client>(gateway.address()));
  for (int i = 0; i < kInside; ++i) {
    send_large_head(*clients[static_cast<std::size_t>(i)], kFirst, get_head, kEndStream);
  }
  ASSERT_TRUE(gate.wait_arrived(kInside));
  const std::string body(kWindow, 'b');
  for (const auto& client : clients) {
    send_large_head(*client, kSecond, post_head, 0);
    for (std::size_t at = 0; at < kWindow; at += kFrame) {
      client->send_frame(kData, 0, kSecond, std::string_view(body).substr(at, kFrame));
    }
    ASSERT_TRUE(client->round_trip());
  }
  ASSERT_TRUE(becomes_true([&] { return gateway.bound("inflight").queue_depth == kConnections; }));
  expect_proved(gateway);
  gate.open();
  for (int i = 0; i < kInside; ++i) {
    EXPECT_EQ(clients[static_cast<std::size_t>(i)]->read_reply(kFirst).status, "200");
  }
  for (const auto& client : clients) client->send_frame(kData, kEndStream, kSecond, {});
  for (const auto& client : clients) EXPECT_EQ(client->read_reply(kSecond).status, "200");
}

}  // namespace
}  // namespace weir::testing

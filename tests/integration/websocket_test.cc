// WebSockets end to end: a server of ours, spoken to byte by byte and by our client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "tests/integration/http_server_fixture.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/upstream_scripts.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/http/client.h"
#include "weir/http/websocket.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kHandshake =
    "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

// A frame of a client's, under a mask that changes nothing.
std::string masked(char first, std::string_view payload) {
  std::string frame{first, static_cast<char>(0x80 | payload.size())};
  return frame.append(4, '\0').append(payload);
}
std::string close_frame(std::uint16_t code) {
  return masked('\x88', std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)});
}

// Says back what it is told, and goodbye when the server drains.
core::task<> echo_messages(http::Exchange& exchange) {
  const auto stream = co_await http::accept_websocket(exchange, {.subprotocols = {"chat"}});
  if (!stream) co_return;
  http::WebSocket socket(**stream, http::WebSocketSide::server, {});
  core::Context until_drain(exchange.draining());
  for (;;) {
    const auto message = co_await socket.receive(until_drain);
    if (!message && exchange.draining().cancelled()) {
      (void)co_await socket.close(exchange.context(), http::WebSocketClose::going_away);
      co_return;
    }
    if (!message || !*message) co_return;
    if (!co_await socket.send(exchange.context(), (*message)->kind, (*message)->data)) co_return;
  }
}

TEST(HttpUpgrade, AnExchangeBecomesBytesAndWhatCameWithTheHeadIsAmongThem) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    http::ResponseHead& head = exchange.reply_head();
    head.status = 101;
    head.headers.add("Upgrade", "echo");
    const auto stream = co_await exchange.upgrade(head);
    if (!stream) co_return;
    std::array<std::byte, 4> buffer;
    for (;;) {
      const auto got = co_await (*stream)->read(exchange.context(), buffer, kNever);
      if (!got || *got == 0) co_return;
      const net::ConstBuffer piece = std::span(buffer).first(*got);
      if (!co_await (*stream)->write(exchange.context(), {&piece, 1}, kNever)) co_return;
    }
  });
  RawClient client(server.address());
  client.send(get("/", "Connection: Upgrade\r\nUpgrade: echo\r\n") + "these came with it");
  const Reply reply = client.read_head();
  EXPECT_EQ(reply.status, 101);
  EXPECT_EQ(reply.field("upgrade"), "echo");
  EXPECT_EQ(reply.field("connection"), "upgrade");
  EXPECT_EQ(client.read_bytes(18), "these came with it");
  client.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.read_bytes(18), "GET / HTTP/1.1\r\n\r\n");
  // A half-close is the other protocol's to make sense of.
  client.send("last");
  client.shut_write();
  EXPECT_EQ(client.read_to_end(), "last");
  EXPECT_EQ(client.ending(), Ending::closed);
  EXPECT_TRUE(server.wait_for([](const auto& stats) { return stats.connections_open == 0; }));
  EXPECT_EQ(server.stats().upgrades, 1u);
}

TEST(HttpUpgrade, IsNotForHttp10NorForARequestWithABody) {
  ServerUnderTest server([](http::Exchange& exchange) -> core::task<> {
    http::ResponseHead& head = exchange.reply_head();
    head.status = 101;
    const auto stream = co_await exchange.upgrade(head);
    EXPECT_FALSE(stream);
    (void)co_await exchange.respond(exchange.reply_head(), to_string(stream.error().kind));
  });
  EXPECT_EQ(ask_once(server.address(), "GET / HTTP/1.0\r\nConnection: upgrade\r\n\r\n").body, "unsupported");
  EXPECT_EQ(ask_once(server.address(), post("/", "body")).body, "internal");
}

TEST(WebSocketServer, TakesTheHandshakeAndSaysMessagesBack) {
  ServerUnderTest server(echo_messages);
  RawClient client(server.address());
  client.send(get("/", std::string(kHandshake) + "Sec-WebSocket-Protocol: other, chat\r\n"));
  const Reply reply = client.read_head();
  EXPECT_EQ(reply.status, 101);
  EXPECT_EQ(reply.field("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455 section 1.3
  EXPECT_EQ(reply.field("sec-websocket-protocol"), "chat");
  client.send(masked('\x81', "hello") + masked('\x89', "p"));
  EXPECT_EQ(client.read_bytes(10), "\x81\x05hello\x8A\x01p");
  client.send(close_frame(1000));
  EXPECT_EQ(client.read_to_end(), "\x88\x02\x03\xE8");
  EXPECT_EQ(client.ending(), Ending::closed);
}

TEST(WebSocketServer, RefusesWhatIsNoHandshake) {
  ServerUnderTest server(echo_messages);
  const Reply plain = ask_once(server.address(), get("/"));
  EXPECT_EQ(plain.status, 426);
  EXPECT_EQ(plain.field("sec-websocket-version"), "13");
  EXPECT_THAT(plain.body, HasSubstr("\"reason\":\"websocket_upgrade\""));
  EXPECT_EQ(ask_once(server.address(), post("/", "x")).status, 405);
}

TEST(WebSocketClient, OpensOneAtAServerOfOurs) {
  ServerUnderTest server(echo_messages);
  core::Runtime runtime({.processors = 1});
  const auto talk = [&](core::Scope& scope) -> core::task<> {
    core::Context& context = scope.context();
    http::Client client(server.address(), {});
    {
      const std::vector<std::string_view> subprotocols{"chat"};
      auto response = co_await http::open_websocket(context, client, {.target = "/"}, subprotocols);
      EXPECT_TRUE(response) << response.error().message();
      if (!response) co_return;
      http::WebSocket socket(*response->stream(), http::WebSocketSide::client, {});
      for (const std::size_t size : {5u, 300u, 100'000u}) {
        const std::string message = pattern(size);
        EXPECT_TRUE(co_await socket.send_text(context, message));
        const auto answer = co_await socket.receive(context);
        EXPECT_TRUE(answer && *answer && (*answer)->text() == message) << size;
      }
      EXPECT_TRUE(co_await socket.close(context, http::WebSocketClose::normal));
      EXPECT_EQ(socket.close_code(), http::WebSocketClose::normal);
    }
    // Used up: nobody else gets it.
    EXPECT_EQ(client.stats().pool.idle, 0u);
  };
  EXPECT_TRUE(runtime.run(talk));
}

TEST(WebSocketServer, ADrainSaysGoodbye) {
  ServerUnderTest server(echo_messages);
  RawClient client(server.address());
  client.send(get("/", kHandshake));
  ASSERT_EQ(client.read_head().status, 101);
  server.server().drain();
  EXPECT_EQ(client.read_bytes(4), "\x88\x02\x03\xE9");  // 1001
  client.send(close_frame(1001));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(server.wait_until_ended().value());
}

}  // namespace
}  // namespace weir::testing

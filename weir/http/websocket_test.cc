#include "weir/http/websocket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "weir/core/channel.h"
#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::http {
namespace {

using core::task;
using ::testing::Each;

// One direction of a connection in memory.
using Pipe = core::Channel<std::string>;

class PipeStream final : public ByteStream {
 public:
  PipeStream(Pipe& in, Pipe& out) : in_(in), out_(out) {}

  task<Result<std::size_t>> read(core::Context& context, std::span<std::byte> buffer,
                                 TimePoint deadline) override {
    while (unread_.empty()) {
      Result<std::string> more = co_await in_.receive(context, deadline);
      if (core::closed(more)) co_return 0;
      if (!more) co_return std::unexpected(more.error());
      unread_ = std::move(*more);
    }
    const std::size_t count = std::min(buffer.size(), unread_.size());
    std::ranges::copy(std::as_bytes(std::span(unread_)).first(count), buffer.begin());
    unread_.erase(0, count);
    co_return count;
  }
  task<Result<>> write(core::Context& context, std::span<const net::ConstBuffer> buffers,
                       TimePoint deadline) override {
    std::string text;
    for (const net::ConstBuffer buffer : buffers) {
      text.append(reinterpret_cast<const char*>(buffer.data()), buffer.size());
    }
    co_return co_await out_.send(context, std::move(text), deadline);
  }
  void shutdown_write() override { out_.close(); }
  void abort() override {
    aborted_ = true;
    out_.close();
  }
  bool aborted() const { return aborted_; }

 private:
  Pipe& in_;
  Pipe& out_;
  std::string unread_;
  bool aborted_ = false;
};

// Both ends of a connection, under virtual time.
struct Wire {
  explicit Wire(std::uint32_t capacity = 64)
      : to_server({.capacity = capacity}), to_client({.capacity = capacity}) {}
  Pipe to_server;
  Pipe to_client;
  PipeStream server{to_server, to_client};
  PipeStream client{to_client, to_server};
};

template <typename Body>
void run(Body body) {
  core::Simulation simulation({.seed = 1});
  core::Runtime runtime({.processors = 1, .simulation = &simulation});
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> task<> { co_await body(root); }));
}

class Spawner {
 public:
  void operator()(core::Scope& scope, task<> child) { scope.spawn(*limit_.try_acquire(), std::move(child)); }

 private:
  core::Limit limit_{{.name = "test", .limit = 100}};
};

std::string text_of(const Result<std::optional<WebSocket::Message>>& message) {
  if (!message) return "error: " + message.error().message();
  return *message ? std::string((*message)->text()) : "closed";
}

task<> echo(core::Context& context, WebSocket& socket) {
  for (;;) {
    const auto message = co_await socket.receive(context);
    if (!message || !*message) co_return;
    if (!co_await socket.send(context, (*message)->kind, (*message)->data)) co_return;
  }
}

TEST(WebSocket, MessagesOfAnySizeGoBothWaysAndItClosesInGoodOrder) {
  run([](core::Scope& root) -> task<> {
    Wire wire;
    WebSocket server(wire.server, WebSocketSide::server, {});
    WebSocket client(wire.client, WebSocketSide::client, {});
    Spawner spawn;
    co_await core::with_scope(root.context(), [&](core::Scope& scope) -> task<> {
      core::Context& context = scope.context();
      spawn(scope, echo(context, server));
      for (const std::size_t size : {0u, 1u, 125u, 126u, 16'384u, 16'387u, 65'535u, 65'536u, 700'001u}) {
        const std::string message(size, 'm');
        EXPECT_TRUE(co_await client.send_text(context, message));
        const auto answer = co_await client.receive(context);
        EXPECT_TRUE(text_of(answer) == message) << size;
      }
      EXPECT_TRUE(co_await client.close(context, WebSocketClose::normal, "done"));
      EXPECT_EQ(client.close_code(), WebSocketClose::normal);
    });
    EXPECT_EQ(server.close_code(), WebSocketClose::normal);
    EXPECT_EQ(server.close_reason(), "done");
    EXPECT_FALSE(wire.server.aborted());
  });
}

TEST(WebSocket, WhatIsWrongIsAnsweredWithItsCode) {
  struct Case {
    std::string bytes;
    std::uint16_t code;
  };
  const std::vector<Case> cases{
      {"\x81\x01x", WebSocketClose::protocol_error},
      {std::string("\x81\x81\0\0\0\0\xFF", 7), WebSocketClose::invalid_text},
      {std::string("\x82\xFF\0\0\0\0\0\x20\0\0\0\0\0\0", 14), WebSocketClose::too_large},
  };
  for (const Case& each : cases) {
    run([&](core::Scope& root) -> task<> {
      core::Context& context = root.context();
      Wire wire;
      WebSocket server(wire.server, WebSocketSide::server, {});
      EXPECT_TRUE(co_await wire.to_server.send(context, std::string(each.bytes)));
      const auto message = co_await server.receive(context);
      EXPECT_EQ(message.error().kind, ErrorKind::invalid);
      const std::string close = *co_await wire.to_client.receive(context);
      EXPECT_EQ(close[0], '\x88');
      EXPECT_EQ(static_cast<std::uint8_t>(close[2]) << 8 | static_cast<std::uint8_t>(close[3]), each.code);
      EXPECT_EQ(server.close_code(), each.code);
      // And stays so.
      EXPECT_EQ((co_await server.receive(context)).error().kind, ErrorKind::invalid);
      EXPECT_EQ((co_await server.send_text(context, "x")).error().kind, ErrorKind::disconnected);
    });
  }
}

TEST(WebSocket, APingIsAnsweredWithItsPayload) {
  run([](core::Scope& root) -> task<> {
    core::Context& context = root.context();
    Wire wire;
    WebSocket server(wire.server, WebSocketSide::server, {});
    EXPECT_TRUE(co_await wire.to_server.send(context, std::string("\x89\x82\0\0\0\0hi", 8)));
    EXPECT_TRUE(co_await wire.to_server.send(context, std::string("\x81\x81\0\0\0\0x", 7)));
    EXPECT_EQ(text_of(co_await server.receive(context)), "x");
    EXPECT_EQ(*co_await wire.to_client.receive(context), "\x8A\x02hi");
  });
}

TEST(WebSocket, ASilentPeerIsPingedAndThenGivenUp) {
  run([](core::Scope& root) -> task<> {
    core::Context& context = root.context();
    Wire wire;
    WebSocket server(wire.server, WebSocketSide::server, {.ping_after = 30s, .pong_timeout = 10s});
    const TimePoint began = core::now();
    const auto message = co_await server.receive(context);
    EXPECT_EQ(message.error().reason, Reason::timed_out);
    EXPECT_GE(core::now() - began, 40s);
    EXPECT_LT(core::now() - began, 41s);
    EXPECT_EQ(*co_await wire.to_client.receive(context), std::string("\x89\0", 2));
  });
}

TEST(WebSocket, APeerThatAnswersPingsStays) {
  run([](core::Scope& root) -> task<> {
    Wire wire;
    WebSocket server(wire.server, WebSocketSide::server, {});
    WebSocket client(wire.client, WebSocketSide::client, {.ping_after = {}});
    Spawner spawn;
    co_await core::with_scope(root.context(), [&](core::Scope& scope) -> task<> {
      spawn(scope, echo(scope.context(), client));
      core::Context hour(scope.context(), core::now() + 1h);
      EXPECT_EQ((co_await server.receive(hour)).error().kind, ErrorKind::deadline);
      // Nothing was lost by giving that up.
      EXPECT_TRUE(co_await server.send_text(scope.context(), "still there?"));
      EXPECT_EQ(text_of(co_await server.receive(scope.context())), "still there?");
      EXPECT_TRUE(co_await server.close(scope.context(), WebSocketClose::going_away));
    });
  });
}

TEST(WebSocket, APeerThatTakesNothingIsGivenUp) {
  run([](core::Scope& root) -> task<> {
    core::Context& context = root.context();
    Wire wire(1);
    WebSocket server(wire.server, WebSocketSide::server, {.write_timeout = 5s});
    Result<> sent;
    int whole = 0;
    const std::string message(10, 'x');
    while (sent) {
      sent = co_await server.send_text(context, message);
      if (sent) ++whole;
    }
    EXPECT_EQ(whole, 1);
    EXPECT_EQ(sent.error().reason, Reason::timed_out);
    EXPECT_EQ((co_await server.send_text(context, message)).error().kind, ErrorKind::disconnected);
  });
}

TEST(WebSocket, APeerThatDoesNotCloseIsCutOff) {
  run([](core::Scope& root) -> task<> {
    core::Context& context = root.context();
    Wire wire;
    WebSocket server(wire.server, WebSocketSide::server, {.close_timeout = 5s});
    const TimePoint began = core::now();
    const Result<> closed = co_await server.close(context, WebSocketClose::going_away);
    EXPECT_EQ(closed.error().reason, Reason::timed_out);
    EXPECT_LT(core::now() - began, 6s);
    EXPECT_TRUE(wire.server.aborted());
  });
}

TEST(WebSocket, AnEndWithoutACloseIsAnError) {
  run([](core::Scope& root) -> task<> {
    Wire wire;
    WebSocket server(wire.server, WebSocketSide::server, {});
    wire.client.shutdown_write();
    const auto message = co_await server.receive(root.context());
    EXPECT_EQ(message.error().reason, Reason::closed);
    EXPECT_EQ(server.close_code(), WebSocketClose::abnormal);
  });
}

TEST(WebSocket, ManySendersDoNotMixTheirMessages) {
  run([](core::Scope& root) -> task<> {
    Wire wire(2);
    WebSocket server(wire.server, WebSocketSide::server, {});
    WebSocket client(wire.client, WebSocketSide::client, {});
    Spawner spawn;
    co_await core::with_scope(root.context(), [&](core::Scope& scope) -> task<> {
      const auto send = [](core::Context& context, WebSocket& socket, char letter) -> task<> {
        const std::string message(40'000, letter);
        EXPECT_TRUE(co_await socket.send_text(context, message));
      };
      for (char letter = 'a'; letter <= 'j'; ++letter) spawn(scope, send(scope.context(), client, letter));
      for (int i = 0; i < 10; ++i) {
        const auto message = co_await server.receive(scope.context());
        const std::string text = text_of(message);
        EXPECT_EQ(text.size(), 40'000u);
        EXPECT_THAT(text, Each(text.front()));
      }
    });
  });
}

RequestHead handshake() {
  RequestHead request;
  request.headers.add("Host", "h");
  request.headers.add("Connection", "keep-alive, Upgrade");
  request.headers.add("Upgrade", "WebSocket");
  request.headers.add("Sec-WebSocket-Version", "13");
  request.headers.add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
  return request;
}

TEST(WebSocketHandshake, IsStrict) {
  EXPECT_EQ(check_websocket_request(handshake(), {}).status, 0);
  const auto with = [](std::string_view name, std::string_view value) {
    RequestHead request = handshake();
    request.headers.set(name, value);
    return check_websocket_request(request, {}).status;
  };
  EXPECT_EQ(with("Sec-WebSocket-Version", "8"), 426);
  EXPECT_EQ(with("Connection", "close"), 426);
  EXPECT_EQ(with("Upgrade", "h2c"), 426);
  EXPECT_EQ(with("Sec-WebSocket-Key", "short=="), 400);
  EXPECT_EQ(with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZ???"), 400);
  RequestHead twice = handshake();
  twice.headers.add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(check_websocket_request(twice, {}).status, 400);
  RequestHead post = handshake();
  post.method = "POST";
  EXPECT_EQ(check_websocket_request(post, {}).status, 405);
  RequestHead old = handshake();
  old.version_minor = 0;
  EXPECT_EQ(check_websocket_request(old, {}).status, 400);
}

TEST(WebSocketHandshake, AsksAboutTheOriginThatABrowserNames) {
  const WebSocketAccept accept{
      .origin_allowed = [](std::string_view origin) { return origin == "https://a"; }};
  RequestHead request = handshake();
  EXPECT_EQ(check_websocket_request(request, accept).status, 0);
  request.headers.set("Origin", "https://a");
  EXPECT_EQ(check_websocket_request(request, accept).status, 0);
  request.headers.add("Origin", "https://b");
  EXPECT_EQ(check_websocket_request(request, accept).status, 400);
  request.headers.set("Origin", "https://b");
  EXPECT_EQ(check_websocket_request(request, accept).status, 403);
}

TEST(WebSocketHandshake, ChoosesTheServersPreferredSubprotocol) {
  RequestHead request = handshake();
  request.headers.add("Sec-WebSocket-Protocol", "one, two");
  request.headers.add("Sec-WebSocket-Protocol", "three");
  const std::vector<std::string_view> spoken{"four", "three", "one"};
  EXPECT_EQ(choose_subprotocol(request, spoken), "three");
  const std::vector<std::string_view> others{"One", "five"};
  EXPECT_EQ(choose_subprotocol(request, others), "");
}

TEST(WebSocketHandshake, AClientTakesOnlyTheAnswerToItsOwnOffer) {
  const WebSocketOffer offer;
  const std::vector<std::string_view> spoken{"chat"};
  RequestHead request;
  offer.add_to(request, spoken);
  EXPECT_EQ(check_websocket_request(request, {}).status, 0);
  EXPECT_EQ(choose_subprotocol(request, spoken), "chat");
  ResponseHead response;
  EXPECT_FALSE(offer.check(response));
  response.status = 101;
  response.headers.add("Connection", "Upgrade");
  response.headers.add("Upgrade", "websocket");
  EXPECT_FALSE(offer.check(response));
  // Of another key: the example of RFC 6455, section 1.3.
  response.headers.add("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_FALSE(offer.check(response));
}

}  // namespace
}  // namespace weir::http

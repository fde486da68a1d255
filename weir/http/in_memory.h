// A handler called without a socket: for tests of handlers, and of what stands
// around them.
//
//   const InMemoryReply reply = ask(router, {.target = "/users/7"});
//   EXPECT_EQ(reply.status, 200);
//   EXPECT_EQ(reply.body, "{\"id\":7}");
//
// ask() runs the handler to its end in a simulation of its own: in no real time, the
// same way each time. What streams, waits for others or is left by its client is
// tested from a task, with an InMemoryExchange:
//
//   InMemoryExchange call(context, {.target = "/events"});
//   scope.spawn(permit, call.run(handler));
//   ...
//   EXPECT_EQ(call.reply().body, "data: 1\n\n");   // so far
//   call.leave();                                  // the client has gone
//
// What a server does with a reply is done here, too: HEAD has no body, a length that
// was announced is kept, a handler that throws or does not reply is answered with 500,
// fields that are the connection's are left out.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/body.h"
#include "weir/http/connection_facts.h"
#include "weir/http/exchange.h"
#include "weir/http/internal/exchange_side.h"
#include "weir/http/message.h"
#include "weir/http/server.h"

namespace weir::http {

struct InMemoryRequest {
  std::string method = "GET";
  std::string target = "/";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  // How many bytes of the body come at once; 0: all of them.
  std::size_t body_piece = 0;
  // Its length is not told before its end.
  bool chunked = false;
  // What the body fails with behind its last byte; kind internal: it does not.
  Error body_error = {};
  // How long the client takes for each write. Under a simulated clock.
  Duration write_time = {};
  // The client goes once it has so many bytes of the reply's body.
  std::uint64_t leaves_after = UINT64_MAX;
  ConnectionFacts facts = {};
};

struct InMemoryReply {
  int status = 0;  // 0: none has begun
  Headers headers;
  std::string body;
  Headers trailers;
  std::size_t writes = 0;  // pieces that the body came in
  std::size_t flushes = 0;
  bool complete = false;  // it was ended, and not cut off
  bool failed = false;    // the handler threw

  std::string header(std::string_view name) const { return std::string(headers.get(name).value_or("")); }
};

// One request and its reply. Everything about it happens on one processor, or in a
// simulation.
class InMemoryExchange final : internal::ExchangeSide {
 public:
  InMemoryExchange(core::Context& parent, InMemoryRequest request);
  InMemoryExchange(const InMemoryExchange&) = delete;
  InMemoryExchange& operator=(const InMemoryExchange&) = delete;

  // Calls the handler, once.
  core::task<void> run(Handler& handler);
  Exchange& exchange() { return exchange_; }
  // The client goes: what the handler waits for is cancelled, and its writes fail.
  void leave();
  // What the client has so far.
  const InMemoryReply& reply() const { return reply_; }

 private:
  class Body final : public BodySource {
   public:
    explicit Body(const InMemoryRequest& from) : from_(from) {}
    core::task<Result<std::span<const std::byte>>> next(core::Context& context) override;
    std::optional<std::uint64_t> length() const override;
    const Headers* trailers() const override { return nullptr; }

   private:
    const InMemoryRequest& from_;
    std::size_t at_ = 0;
  };

  core::Context& request_context() override { return context_; }
  const RequestHead& request() const override { return head_; }
  BodySource& body() override { return body_; }
  const net::SocketAddress& peer() const override { return peer_; }
  const ConnectionFacts& facts() const override { return from_.facts; }
  ResponseHead& reply_head() override;
  Sending respond(const ResponseHead& head, std::span<const std::byte> body) override;
  Sending start(const ResponseHead& head, BodyLength length) override;
  Sending write(std::span<const std::byte> piece) override;
  Sending finish(const Headers* trailers) override;
  Sending flush() override;
  bool head_sent() const override { return reply_.status != 0; }
  void abort() override;

  bool begin(const ResponseHead& head, BodyLength length);
  core::task<Result<>> take(std::span<const std::byte> piece);

  const InMemoryRequest from_;
  core::Context context_;
  RequestHead head_;
  ResponseHead reply_head_;
  net::SocketAddress peer_;
  Body body_{from_};
  Exchange exchange_{*this};
  InMemoryReply reply_;
  BodyLength length_;
  std::uint64_t sent_ = 0;  // of the body, as the handler has it
  bool bodiless_ = false;
  bool gone_ = false;
};

// From a test's thread. Not within a task.
InMemoryReply ask(Handler& handler, InMemoryRequest request);

}  // namespace weir::http

// One connection of a client: a request out, its response in, and then perhaps
// the next. The response's body is the connection itself.
//
// It belongs to the lease that holds it. One task at a time; while a request's
// body is sent and the response waited for, a second one of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"
#include "weir/http/body.h"
#include "weir/http/connection_pool.h"
#include "weir/http/internal/buffers.h"
#include "weir/http/internal/request_sender.h"
#include "weir/http/internal/upgraded_stream.h"
#include "weir/http/message.h"
#include "weir/http/parser.h"
#include "weir/net/socket.h"

namespace weir::http::internal {

class ClientConnection final : public BodySource {
 public:
  struct Limits {
    Parser::Limits response;
    std::uint32_t interim_max;
  };

  ClientConnection(net::Socket socket, const Limits& limits);
  ~ClientConnection() override;

  // Sends the request, or as much of it as the upstream wants, and reads the
  // head of the final response. Errors and cancellation: Client::send().
  core::task<Result<>> exchange(core::Context& context, const Outgoing& request);

  const ResponseHead& head() const { return head_; }

  // What the connection is after a 101 that was asked for; null: it is HTTP still.
  ByteStream* stream() { return stage_ == Stage::upgraded ? &upgraded_ : nullptr; }

  // The body of the response.
  core::task<Result<std::span<const std::byte>>> next(core::Context& context) override;
  std::optional<std::uint64_t> length() const override;
  const Headers* trailers() const override;

  // It failed as one does that the upstream had closed while it was idle.
  bool is_stale() const;

  // The exchange is over, one way or the other. What is left of the response
  // and has arrived already is passed over. nullopt: fit for another.
  std::optional<CloseCause> settle();

  // The pool's notes.
  void mark_idle(TimePoint now);
  void mark_reused() { reused_ = true; }
  // Without a system call; false: who knows.
  bool is_known_quiet() const { return socket_.is_quiet_since(idle_mark_); }
  bool is_quiet() const { return is_known_quiet() || socket_.is_quiet().value_or(false); }
  const net::SocketAddress& upstream() const { return socket_.peer(); }
  TimePoint opened() const { return opened_; }
  TimePoint idle_since() const { return idle_since_; }
  // Whose poller reports its events.
  unsigned processor() const { return processor_; }

 private:
  enum class Stage : std::uint8_t { idle, head, body, ended, upgraded, failed };

  Result<> begin(const Outgoing& request);
  // What the parser makes of the bytes that are there.
  Parser::Event step();
  Result<> on_head();
  // Reads once. False: nothing has come yet, wait.
  Result<bool> try_fill(core::Context& context);
  // Gives the buffer back: nothing of it is unread, nor in anybody's hands.
  void release();
  // Waits until there is something to read, and sends meanwhile.
  core::task<Result<>> send_until_readable(core::Context& context);
  core::task<void> send_meanwhile(core::Scope& scope);
  Result<> on_stream_end();
  // The connection is of no use from here on.
  std::unexpected<Error> fail_with(const Error& error);
  Error refusal_error() const;

  net::Socket socket_;
  const Limits limits_;
  const TimePoint opened_;
  const unsigned processor_;
  TimePoint idle_since_;
  net::Socket::QuietMark idle_mark_;
  bool reused_ = false;

  RequestSender sender_;
  core::Limit senders_{{.name = "request body", .limit = 1}};
  std::optional<Error> body_error_;  // of the request's body

  ResponseHead head_;
  Parser parser_;
  ReadBuffer buffer_;                  // only while there is something in it
  std::span<const std::byte> unread_;  // of buffer_
  std::span<const std::byte> piece_;
  Stage stage_ = Stage::idle;
  bool asks_upgrade_ = false;
  UpgradedStream upgraded_;
  bool received_any_ = false;  // a byte of this response
  bool stream_ended_ = false;
  // Nothing had come when it was last looked at: it is not worth a try before
  // the poller says so.
  bool drained_ = true;
  std::uint32_t interims_ = 0;
  std::optional<Error> failure_;  // of the response's body, for good
};

}  // namespace weir::http::internal

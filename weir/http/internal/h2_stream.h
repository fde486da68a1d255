// One request on HTTP/2 and its reply. The objects are the connection's, which
// uses each again once the stream is closed and its handler has ended,
// whichever is later: a handler may outlive its stream by as long as it likes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "weir/core/context.h"
#include "weir/core/event.h"
#include "weir/core/task.h"
#include "weir/http/exchange.h"
#include "weir/http/internal/exchange_side.h"
#include "weir/http/internal/h2_body.h"
#include "weir/http/internal/h2_head.h"
#include "weir/http/internal/h2_link.h"

namespace weir::http::internal {

class H2Streams;

class H2Stream final : public ExchangeSide {
 public:
  H2Stream(H2Link& link, H2Streams& owner)
      : link_(link), owner_(owner), fields_(link.service.options.request, head_), body_(link) {}

  // The session's side: the link's mutex is held.
  void open(std::int32_t id);
  void closed(std::uint32_t code);
  H2Head& fields() { return fields_; }
  H2Body& incoming() { return body_; }
  // The head is complete and not refused: run() follows.
  void begin();
  // Instead of begin().
  void answer(Refusal refusal);
  // Instead of run(), when the stream was closed before.
  void abandon();
  // At most `bytes` of what is to be sent; sets NGHTTP2_DATA_FLAG_...
  ssize_t offer(std::size_t bytes, std::uint32_t& flags);
  // Moves so many to the wire.
  void take(std::size_t bytes, std::string& out);
  // What it has to send has not moved since then, because its client opens no
  // window; kNever: not so.
  TimePoint stalled_since() const;
  bool is_open() const { return open_; }
  bool has_unsent() const { return open_ && unsent() > 0; }
  std::int32_t id() const { return id_; }

  // All of the reply has gone out, and the request has not come to its end.
  void reply_sent(TimePoint now) { replied_ = now; }
  // False: the rest of that request is waited for no longer.
  bool may_linger(TimePoint now) const;

  // The handler's task.
  core::task<void> run();

  core::Context& request_context() override;
  const RequestHead& request() const override { return head_; }
  BodySource& body() override { return body_; }
  const net::SocketAddress& peer() const override { return link_.peer; }
  const ConnectionFacts& facts() const override { return link_.facts; }
  ResponseHead& reply_head() override;
  Sending respond(const ResponseHead& head, std::span<const std::byte> body) override;
  Sending start(const ResponseHead& head, BodyLength length) override;
  Sending write(std::span<const std::byte> piece) override;
  Sending finish(const Headers* trailers) override;
  Sending flush() override;
  bool head_sent() const override { return stage_ != Stage::none; }
  void abort() override;

 private:
  enum class Stage : std::uint8_t { none, started, finished };

  std::size_t unsent() const { return held_.size() - held_at_ + lent_.size(); }
  bool begin_reply_locked(const ResponseHead& head, BodyLength length, bool whole);
  bool submit_locked(bool has_body);
  Sending send_locked(std::span<const std::byte> piece);
  core::task<Result<>> until_taken();
  void reset_locked(std::uint32_t code);
  void settle(bool handler_failed);
  void settle_locked(bool handler_failed);
  void end_handler_locked();
  void recycle_locked();

  H2Link& link_;
  H2Streams& owner_;
  RequestHead head_;
  ResponseHead reply_head_;
  H2Head fields_;
  H2Body body_;
  Exchange exchange_{*this};
  core::Event taken_;  // what was lent

  // The handler's; written under the link's mutex.
  Stage stage_ = Stage::none;
  bool bodiless_ = false;
  BodyLength length_;
  std::uint64_t remaining_ = 0;  // of a known length

  // Guarded by the link's mutex.
  std::int32_t id_ = 0;
  bool open_ = false;
  bool running_ = false;
  bool has_trailers_ = false;
  bool cut_off_ = false;                  // closed before all of a finished reply was sent
  std::optional<core::Context> context_;  // once it was asked for
  Headers trailers_;
  std::string held_;  // copied, to be sent from held_at_ on, then what is lent
  std::size_t held_at_ = 0;
  std::span<const std::byte> lent_;
  TimePoint replied_ = kNever;  // all of the reply went out, before all of the request had come
  TimePoint moved_ = {};        // when there was something to send, and a byte of it last moved
};

}  // namespace weir::http::internal

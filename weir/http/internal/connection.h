// One connection of a server: reads requests, calls the handler for one after
// the other, writes the replies.
//
// Its life is one coroutine, serve(), which the server spawns with the
// connection's permit. While it waits for a request it holds no buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/exchange.h"
#include "weir/http/internal/buffers.h"
#include "weir/http/internal/exchange_side.h"
#include "weir/http/internal/hang_up_watch.h"
#include "weir/http/internal/input.h"
#include "weir/http/internal/output.h"
#include "weir/http/internal/request_body.h"
#include "weir/http/internal/shard.h"
#include "weir/http/internal/upgraded_stream.h"
#include "weir/http/parser.h"
#include "weir/http/server.h"
#include "weir/net/socket.h"
#include "weir/net/tls.h"

namespace weir::http::internal {

class Connection final : public ExchangeSide {
 public:
  // What it serves with; all of it outlives the connection.
  struct Service {
    const Server::Options& options;
    Handler& handler;
    Shard& shard;
    const net::TlsServerContext* tls = nullptr;  // null: clear text
  };

  static core::task<void> serve(Service service, net::Socket socket);
  // For a connection over the limit: tells it so, and ends it.
  static core::task<void> turn_away(Service service, net::Socket socket);

  // The Exchange's side, see exchange.h.
  core::Context& request_context() override;
  const RequestHead& request() const override { return heads_->request; }
  BodySource& body() override { return body_; }
  const net::SocketAddress& peer() const override { return proxied_ ? *proxied_ : socket_.peer(); }
  const ConnectionFacts& facts() const override { return tls_ ? tls_->facts : kInTheClear; }
  ResponseHead& reply_head() override;
  Sending respond(const ResponseHead& head, std::span<const std::byte> body) override;
  Sending start(const ResponseHead& head, BodyLength length) override;
  Sending write(std::span<const std::byte> piece) override;
  bool sends_files() const override { return !socket_.is_secure(); }
  Sending write_file(const FilePiece& piece) override;
  Sending finish(const Headers* trailers) override;
  Sending flush() override { return output_.send(); }
  bool head_sent() const override { return reply_.stage != Reply::Stage::none; }
  void abort() override;
  core::task<Result<ByteStream*>> upgrade(const ResponseHead& head) override;
  core::Context& draining() override { return service_.shard.draining; }

 private:
  struct Reply {
    enum class Stage : std::uint8_t { none, started, finished };
    Stage stage = Stage::none;
    bool bodiless = false;
    BodyLength length;
    std::uint64_t remaining = 0;  // of a known length
  };

  static constexpr ConnectionFacts kInTheClear{};
  struct TlsSide {
    explicit TlsSide(net::TlsFacts of_socket);

    const net::TlsFacts texts;  // which `facts` refers to
    const ConnectionFacts facts;
  };

  Connection(const Service& service, net::Socket socket);
  ~Connection();

  // False: what came is no header of a balancer that has to send one.
  core::task<bool> learn_peer();
  // True: the client speaks HTTP/2. While it may, no byte reaches the parser.
  bool is_preface();
  // Shakes hands; false: there is nothing to serve.
  core::task<bool> secure();
  void read();
  core::Descriptor::Readiness request_bytes();
  void take_heads();
  void on_no_request(const Error& error);
  bool should_flush_first() const;

  void begin_exchange();
  void end_exchange();
  bool is_settled() const;
  core::task<void> settle(bool handler_failed);
  void answer_for_handler(bool handler_failed);

  // Whether the handler may go on to read the request's body.
  enum class Reading : std::uint8_t { over, may_go_on };
  bool begin_reply(const ResponseHead& head, BodyLength length, Reading reading);
  bool decide_to_close(Reading reading) const;
  Sending end_reply();
  void refuse(Refusal refusal);
  core::task<void> close();

  const Service& service_;  // in the task's frame, as this is
  net::Socket socket_;
  std::unique_ptr<const net::SocketAddress> proxied_;  // the client, where a balancer names it
  std::unique_ptr<const TlsSide> tls_;                 // null: there is none
  core::Context request_context_;                      // the handler's; cancelled when the client hangs up
  core::Context idle_context_;                         // ends with drain()
  Input input_;
  Output output_;
  std::unique_ptr<Heads> heads_ = internal::take_heads();  // null while no request is under way
  Parser parser_;
  HangUpWatch hang_up_;
  RequestBody body_;
  Exchange exchange_{*this};
  Reply reply_;
  UpgradedStream upgraded_;

  TimePoint exchange_began_ = {};
  TimePoint head_deadline_ = kNever;  // kNever: no byte of a head has come
  std::uint64_t requests_ = 0;
  std::uint32_t requests_in_a_row_ = 0;  // since it last waited
  std::size_t preface_bytes_ = 0;        // of the preface of HTTP/2, at the beginning
  bool may_be_http2_;
  bool is_http2_ = false;
  bool handler_was_prompt_ = true;
  bool closing_ = false;    // no further request
  bool lingering_ = false;  // more may be arriving, see Options::linger_timeout
  bool aborted_ = false;
};

}  // namespace weir::http::internal

// What an Exchange forwards to: the carrier of one request and its reply. A
// connection of HTTP/1, a stream of HTTP/2, or the memory of a test. What each
// call has to do is said in exchange.h.
#pragma once

#include <cstddef>
#include <span>

#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/body.h"
#include "weir/http/byte_stream.h"
#include "weir/http/connection_facts.h"
#include "weir/http/file_piece.h"
#include "weir/http/message.h"
#include "weir/http/sending.h"
#include "weir/net/address.h"

namespace weir::http::internal {

class ExchangeSide {
 public:
  virtual core::Context& request_context() = 0;
  virtual const RequestHead& request() const = 0;
  virtual BodySource& body() = 0;
  virtual const net::SocketAddress& peer() const = 0;
  virtual const ConnectionFacts& facts() const = 0;

  virtual ResponseHead& reply_head() = 0;
  virtual Sending respond(const ResponseHead& head, std::span<const std::byte> body) = 0;
  virtual Sending start(const ResponseHead& head, BodyLength length) = 0;
  virtual Sending write(std::span<const std::byte> piece) = 0;
  // Whether write_file() may be called, as it may where bytes go out as they are.
  virtual bool sends_files() const { return false; }
  virtual Sending write_file(const FilePiece&) {
    return fail(ErrorKind::unsupported, Reason::none, "write_file");
  }
  virtual Sending finish(const Headers* trailers) = 0;
  virtual Sending flush() = 0;
  virtual bool head_sent() const = 0;
  virtual void abort() = 0;
  // Only HTTP/1 can: another carrier is left as it is.
  virtual core::task<Result<ByteStream*>> upgrade(const ResponseHead&) {
    co_return fail(ErrorKind::unsupported, Reason::none, "upgrade");
  }
  // As long as nothing else drains it, the request's own.
  virtual core::Context& draining() { return request_context(); }

 protected:
  ~ExchangeSide() = default;
};

}  // namespace weir::http::internal

#include "weir/http/exchange.h"

#include "weir/http/internal/exchange_side.h"

namespace weir::http {
namespace {

ResponseHead with_fields(const ResponseHead& head, const Headers& fields) {
  ResponseHead whole = head;
  for (const auto [name, value] : fields) whole.headers.add(name, value);
  return whole;
}

}  // namespace

core::Context& Exchange::context() { return side_.request_context(); }
const RequestHead& Exchange::request() const { return side_.request(); }
BodySource& Exchange::body() { return side_.body(); }
const net::SocketAddress& Exchange::peer() const { return side_.peer(); }
const ConnectionFacts& Exchange::facts() const { return side_.facts(); }
ResponseHead& Exchange::reply_head() { return side_.reply_head(); }
Headers& Exchange::reply_fields() {
  if (reply_fields_ == nullptr) reply_fields_ = std::make_unique<Headers>();
  return *reply_fields_;
}
Sending Exchange::respond(const ResponseHead& head, std::span<const std::byte> body) {
  if (!side_.head_sent()) sent_ = {head.status, body.size()};
  if (reply_fields_ != nullptr) return side_.respond(with_fields(head, *reply_fields_), body);
  return side_.respond(head, body);
}
Sending Exchange::respond(const ResponseHead& head, std::string_view body) {
  return respond(head, std::as_bytes(std::span(body)));
}
Sending Exchange::start(const ResponseHead& head, BodyLength length) {
  if (!side_.head_sent()) sent_.status = head.status;
  if (reply_fields_ != nullptr) return side_.start(with_fields(head, *reply_fields_), length);
  return side_.start(head, length);
}
Sending Exchange::write(std::span<const std::byte> piece) {
  sent_.body_bytes += piece.size();
  return side_.write(piece);
}
Sending Exchange::write(std::string_view piece) { return write(std::as_bytes(std::span(piece))); }
Sending Exchange::write_file(const FilePiece& piece) {
  sent_.body_bytes += piece.bytes;
  return side_.write_file(piece);
}
bool Exchange::sends_files() const { return side_.sends_files(); }
Sending Exchange::finish(const Headers* trailers) { return side_.finish(trailers); }
Sending Exchange::flush() { return side_.flush(); }
bool Exchange::head_sent() const { return side_.head_sent(); }
void Exchange::abort() { side_.abort(); }
core::Context& Exchange::draining() { return side_.draining(); }
core::task<Result<ByteStream*>> Exchange::upgrade(const ResponseHead& head) {
  if (!side_.head_sent()) sent_.status = head.status;
  return side_.upgrade(head);
}

}  // namespace weir::http

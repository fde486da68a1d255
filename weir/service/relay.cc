#include "weir/service/relay.h"

#include <charconv>
#include <optional>

#include "weir/service/grpc.h"

namespace weir::service {
namespace {

// Afterwards: the client learns that what it has is not whole.
Outcome break_off(const Call& call) {
  call.exchange.abort();
  if (call.exchange.context().cancelled()) return Outcome::client_gone;
  return call.request_body.failed() ? Outcome::request_body_failed : Outcome::upstream_broke_off;
}

// A response whose whole body is one piece at hand goes out in one write.
bool is_whole(const http::BodySource& body, std::size_t first_piece) { return body.length() == first_piece; }

// What a HEAD request or a 304 says of a body that does not come.
http::BodyLength announced_length(const http::ResponseHead& head, const http::BodySource& body) {
  if (const auto length = body.length(); length && *length > 0) return http::BodyLength::known(*length);
  if (const auto text = head.headers.get("content-length")) {
    std::uint64_t bytes = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), bytes);
    if (error == std::errc{} && end == text->data() + text->size()) return http::BodyLength::known(bytes);
  }
  // Of a body without a length, a HEAD does not say that it is empty.
  return http::has_no_body(head.status) ? http::BodyLength::none() : http::BodyLength::chunked();
}

}  // namespace

core::task<Forwarded> relay(const Call& call, const http::ResponseHead& head,
                            http::ClientResponse& response) {
  http::BodySource& body = response.body();
  auto piece = co_await body.next(call.context);
  if (!piece) co_return std::unexpected(piece.error());
  // One of gRPC has its status behind its body.
  if (is_whole(body, piece->size()) && !piece->empty() && !is_grpc(head.headers)) {
    const Result<> sent = co_await call.exchange.respond(head, *piece);
    // The end is read too, so that the connection can be used again.
    (void)co_await body.next(call.context);
    co_return sent ? Outcome::forwarded : Outcome::client_gone;
  }
  Result<> sent = co_await call.exchange.start(head, announced_length(response.head(), body));
  while (sent && piece && !piece->empty()) {
    sent = co_await call.exchange.write(*piece);
    if (sent) piece = co_await body.next(call.context);
  }
  if (!piece) co_return break_off(call);
  if (sent) sent = co_await call.exchange.finish(body.trailers());
  co_return sent ? Outcome::forwarded : Outcome::client_gone;
}

}  // namespace weir::service

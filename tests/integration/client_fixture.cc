#include "tests/integration/client_fixture.h"

#include <stdexcept>

#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::testing {

std::string Answer::text() const {
  if (error) return "no response: " + error->message();
  return std::to_string(head.status) + ", " + std::to_string(body.size()) + " bytes" +
         (body_error ? ", then " + body_error->message() : "");
}

core::task<Answer> fetch(core::Context& context, http::Client& client, const http::RequestHead& request,
                         http::BodySource* body) {
  Answer answer;
  Result<http::ClientResponse> response = co_await client.send(context, request, body);
  if (!response) {
    answer.error = response.error();
    co_return answer;
  }
  answer.head = response->head();
  answer.length = response->body().length();
  for (;;) {
    const Result<std::span<const std::byte>> piece = co_await response->body().next(context);
    if (!piece) {
      answer.body_error = piece.error();
      co_return answer;
    }
    if (piece->empty()) break;
    answer.body.append(reinterpret_cast<const char*>(piece->data()), piece->size());
  }
  if (const http::Headers* trailers = response->body().trailers()) answer.trailers = *trailers;
  co_return answer;
}

Fetched fetch_once(const net::SocketAddress& address, const http::RequestHead& request,
                   const http::Client::Options& options, Duration patience) {
  core::Runtime runtime({.processors = 2});
  http::Client client(address, options);
  Fetched fetched;
  const Result<> ran = runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context context(root.context(), saturating_add(core::now(), patience));
    fetched.answer = co_await fetch(context, client, request);
  });
  if (!ran) throw std::runtime_error(ran.error().message());
  fetched.stats = client.stats();
  return fetched;
}

Fetched fetch_from(const BadUpstream::Script& script, const http::RequestHead& request,
                   const http::Client::Options& options, Duration patience) {
  const BadUpstream upstream(script);
  return fetch_once(upstream.address(), request, options, patience);
}

Fetched fetch_bytes(const std::string& response, const http::RequestHead& request,
                    const http::Client::Options& options, Duration patience) {
  return fetch_from(
      [&response](BadUpstream::Peer& peer) {
        peer.read_head();
        peer.write(response);
      },
      request, options, patience);
}

TextBody& TextBody::announce(std::uint64_t bytes) {
  length_ = bytes;
  return *this;
}

TextBody& TextBody::end_with(const http::Headers& trailers) {
  trailers_ = trailers;
  return *this;
}

TextBody& TextBody::fail_with(const Error& error) {
  error_ = error;
  return *this;
}

TextBody& TextBody::hang() {
  hangs_ = true;
  return *this;
}

core::task<Result<std::span<const std::byte>>> TextBody::next(core::Context& context) {
  if (taken_ < pieces_.size()) co_return std::as_bytes(std::span(pieces_[taken_++]));
  if (hangs_) {
    const Result<> slept = co_await core::sleep_until(context, kNever);
    co_return std::unexpected(slept.error());
  }
  if (error_) co_return std::unexpected(*error_);
  co_return std::span<const std::byte>();
}

const http::Headers* TextBody::trailers() const {
  return trailers_ && taken_ == pieces_.size() ? &*trailers_ : nullptr;
}

}  // namespace weir::testing

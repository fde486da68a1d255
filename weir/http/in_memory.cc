#include "weir/http/in_memory.h"

#include <algorithm>

#include "weir/base/check.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::http {
namespace {

std::unexpected<Error> misuse(std::string_view what) { return fail(ErrorKind::internal, Reason::none, what); }

bool is_connections_own(std::string_view name) {
  static constexpr std::string_view kOwn[] = {"Connection",        "Keep-Alive", "Content-Length",
                                              "Transfer-Encoding", "Upgrade",    "Proxy-Connection"};
  return std::ranges::any_of(kOwn, [name](std::string_view own) { return equals_ignoring_case(own, name); });
}

}  // namespace

core::task<Result<std::span<const std::byte>>> InMemoryExchange::Body::next(core::Context& context) {
  if (context.cancelled()) co_return fail(ErrorKind::cancelled);
  const auto rest = std::as_bytes(std::span(from_.body)).subspan(at_);
  if (rest.empty() && from_.body_error.kind != ErrorKind::internal)
    co_return std::unexpected(from_.body_error);
  const auto piece =
      rest.first(std::min(rest.size(), from_.body_piece == 0 ? rest.size() : from_.body_piece));
  at_ += piece.size();
  co_return piece;
}

std::optional<std::uint64_t> InMemoryExchange::Body::length() const {
  if (from_.chunked) return std::nullopt;
  return from_.body.size();
}

InMemoryExchange::InMemoryExchange(core::Context& parent, InMemoryRequest request)
    : from_(std::move(request)), context_(parent) {
  head_.method = from_.method;
  head_.target = from_.target;
  for (const auto& [name, value] : from_.headers) head_.headers.add(name, value);
  if (!head_.headers.get("Host")) head_.headers.add("Host", "in-memory");
  peer_ = *net::SocketAddress::parse("127.0.0.1:1");
}

core::task<void> InMemoryExchange::run(Handler& handler) {
  try {
    co_await handler.handle(exchange_);
  } catch (...) {
    reply_.failed = true;
  }
  if (reply_.status == 0 && !gone_) {
    reply_.status = 500;
    reply_.complete = true;
  }
}

void InMemoryExchange::leave() {
  gone_ = true;
  context_.cancel();
}

void InMemoryExchange::abort() {
  leave();
  reply_.complete = false;
}

ResponseHead& InMemoryExchange::reply_head() {
  reply_head_.clear();
  return reply_head_;
}

bool InMemoryExchange::begin(const ResponseHead& head, BodyLength length) {
  if (head_sent() || head.status < 200 || head.status > 999) return false;
  reply_.status = head.status;
  for (const auto [name, value] : head.headers) {
    if (!is_connections_own(name)) reply_.headers.add(name, value);
  }
  bodiless_ = head_.method == "HEAD" || has_no_body(head.status);
  length_ = length.kind == BodyLength::Kind::none ? BodyLength::known(0) : length;
  if (length_.kind == BodyLength::Kind::known && !has_no_body(head.status)) {
    reply_.headers.add("Content-Length", std::to_string(length_.bytes));
  }
  return true;
}

core::task<Result<>> InMemoryExchange::take(std::span<const std::byte> piece) {
  if (from_.write_time > Duration::zero()) {
    if (const auto slept = co_await core::sleep_for(context_, from_.write_time); !slept) co_return slept;
  }
  if (gone_) co_return fail(ErrorKind::disconnected, Reason::closed);
  if (bodiless_ || piece.empty()) co_return Result<>();
  reply_.body.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  ++reply_.writes;
  if (reply_.body.size() >= from_.leaves_after) leave();
  co_return Result<>();
}

Sending InMemoryExchange::respond(const ResponseHead& head, std::span<const std::byte> body) {
  if (!begin(head, BodyLength::known(body.size()))) return misuse("respond");
  if (gone_) return fail(ErrorKind::disconnected, Reason::closed);
  reply_.complete = true;
  return take(body);
}

Sending InMemoryExchange::start(const ResponseHead& head, BodyLength length) {
  if (!begin(head, length)) return misuse("start");
  if (gone_) return fail(ErrorKind::disconnected, Reason::closed);
  return Result<>();
}

Sending InMemoryExchange::write(std::span<const std::byte> piece) {
  if (!head_sent() || reply_.complete) return misuse("write");
  sent_ += piece.size();
  if (length_.kind == BodyLength::Kind::known && sent_ > length_.bytes) {
    return misuse("write: more than was announced");
  }
  return take(piece);
}

Sending InMemoryExchange::finish(const Headers* trailers) {
  if (!head_sent() || reply_.complete) return misuse("finish");
  const bool is_short = length_.kind == BodyLength::Kind::known && sent_ < length_.bytes;
  if (is_short && !bodiless_) return misuse("finish: less than was announced");
  if (gone_) return fail(ErrorKind::disconnected, Reason::closed);
  if (trailers != nullptr && length_.kind == BodyLength::Kind::chunked) reply_.trailers = *trailers;
  reply_.complete = true;
  return Result<>();
}

Sending InMemoryExchange::flush() {
  if (gone_) return fail(ErrorKind::disconnected, Reason::closed);
  ++reply_.flushes;
  return Result<>();
}

namespace {

core::task<void> ask_within(core::Context& context, Handler& handler, InMemoryRequest request,
                            InMemoryReply& reply) {
  InMemoryExchange call(context, std::move(request));
  co_await call.run(handler);
  reply = call.reply();
}

}  // namespace

InMemoryReply ask(Handler& handler, InMemoryRequest request) {
  InMemoryReply reply;
  core::Simulation simulation({.seed = 1});
  core::Runtime runtime({.processors = 1, .simulation = &simulation});
  const Result<> ran = runtime.run(
      [&](core::Scope& root) { return ask_within(root.context(), handler, std::move(request), reply); });
  WEIR_CHECK(ran, "a simulation runs to its end");
  return reply;
}

}  // namespace weir::http

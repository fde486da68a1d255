#include "weir/http/internal/client_connection.h"

#include <utility>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"

namespace weir::http::internal {
namespace {

// What a connection keeps of its fields' memory from one response to the next.
constexpr std::size_t kFieldsKeptMax = 16 << 10;

constexpr int kSwitchingProtocols = 101;
// From here on a status says that the request's body is not wanted. One that
// accepts says nothing of the kind, also where the connection closes after it.
constexpr int kFirstRefusing = 300;

}  // namespace

ClientConnection::ClientConnection(net::Socket socket, const Limits& limits)
    : socket_(std::move(socket)),
      limits_(limits),
      opened_(core::now()),
      processor_(core::Runtime::current_processor()),
      idle_since_(opened_),
      parser_(limits.response, head_) {}

ClientConnection::~ClientConnection() { release(); }

void ClientConnection::release() {
  unread_ = {};
  if (buffer_ != nullptr) give_back(std::move(buffer_));
}

core::task<Result<>> ClientConnection::exchange(core::Context& context, const Outgoing& request) {
  if (Result<> begun = begin(request); !begun) co_return begun;
  for (;;) {
    switch (step()) {
      case Parser::Event::head:
        if (Result<> taken = on_head(); !taken) co_return taken;
        if (stage_ == Stage::body || stage_ == Stage::upgraded) co_return {};
        continue;
      case Parser::Event::end: continue;  // of an interim response
      case Parser::Event::need_more: break;
      case Parser::Event::body:
      case Parser::Event::refused: co_return fail_with(refusal_error());
    }
    const Result<bool> filled = try_fill(context);
    if (!filled) co_return std::unexpected(filled.error());
    if (*filled) continue;
    release();
    if (sender_.under_way()) {
      if (Result<> ready = co_await send_until_readable(context); !ready) co_return ready;
    } else if (Result<> ready = co_await socket_.readable(context); !ready) {
      co_return ready;
    }
  }
}

Result<> ClientConnection::begin(const Outgoing& request) {
  WEIR_DCHECK(stage_ == Stage::idle, "one exchange at a time");
  stage_ = Stage::head;
  received_any_ = false;
  interims_ = 0;
  drained_ = true;
  parser_.expect_answer_to(request.head.method);
  asks_upgrade_ = request.body == nullptr && request.head.headers.has_token("Connection", "upgrade");
  return sender_.begin(request, socket_);
}

Parser::Event ClientConnection::step() {
  const Parser::Step step = parser_.next(unread_);
  unread_ = unread_.subspan(step.consumed);
  piece_ = step.body;
  return step.event;
}

Result<> ClientConnection::on_head() {
  if (head_.status / 100 == 1) {
    if (head_.status == kSwitchingProtocols && asks_upgrade_) {
      stage_ = Stage::upgraded;
      upgraded_.begin(socket_, unread_);
      unread_ = {};
      return {};
    }
    // One that nobody asked for is no answer.
    if (head_.status == kSwitchingProtocols || ++interims_ > limits_.interim_max) {
      return fail_with(
          {.kind = ErrorKind::invalid, .reason = Reason::malformed, .where = "interim_response"});
    }
    return {};
  }
  stage_ = Stage::body;
  if (head_.status >= kFirstRefusing) sender_.stop();
  return {};
}

core::task<Result<std::span<const std::byte>>> ClientConnection::next(core::Context& context) {
  for (;;) {
    if (failure_) co_return std::unexpected(*failure_);
    if (stage_ == Stage::ended || stage_ == Stage::upgraded) co_return std::span<const std::byte>();
    switch (step()) {
      case Parser::Event::body: co_return piece_;
      case Parser::Event::end:
        stage_ = Stage::ended;
        // Whatever is left of the request, nobody waits for it.
        sender_.stop();
        continue;
      case Parser::Event::need_more: break;
      case Parser::Event::head:
      case Parser::Event::refused: co_return fail_with(refusal_error());
    }
    const Result<bool> filled = try_fill(context);
    if (!filled) co_return std::unexpected(filled.error());
    if (*filled) continue;
    release();
    if (sender_.under_way()) {
      if (Result<> ready = co_await send_until_readable(context); !ready) {
        co_return std::unexpected(ready.error());
      }
    } else if (Result<> ready = co_await socket_.readable(context); !ready) {
      co_return std::unexpected(ready.error());
    }
  }
}

Result<bool> ClientConnection::try_fill(core::Context& context) {
  // A write that was refused as the connection ended does not keep us from
  // what the upstream sent before that; one that failed for want of memory does.
  const std::optional<Error>& unsent = sender_.socket_error();
  if (unsent && unsent->kind != ErrorKind::disconnected) return fail_with(*unsent);
  if (std::exchange(drained_, false)) return false;
  // Where the upstream never makes us wait, nobody else would look.
  if (Result<> going = context.check(core::now()); !going) {
    Error error = going.error();
    if (error.kind == ErrorKind::deadline) error.reason = Reason::timed_out;
    error.where = "response";
    return std::unexpected(error);
  }
  if (buffer_ == nullptr) buffer_ = take_read_buffer();
  const auto read = socket_.try_read({buffer_.get(), kReadBytes});
  if (!read) return fail_with(unsent.value_or(read.error()));
  if (!*read) return false;
  unread_ = {buffer_.get(), **read};
  if (unread_.empty()) {
    if (Result<> ended = on_stream_end(); !ended) return std::unexpected(ended.error());
  } else {
    received_any_ = true;
  }
  return true;
}

Result<> ClientConnection::on_stream_end() {
  stream_ended_ = true;
  if (stage_ == Stage::body && parser_.finish() == Parser::Event::end) {
    stage_ = Stage::ended;
    sender_.stop();
    return {};
  }
  // Where a write was refused before, that says more: the peer did not just
  // leave, it reset the connection.
  const Error closed{.kind = ErrorKind::disconnected,
                     .reason = Reason::closed,
                     .where = stage_ == Stage::body ? "response body" : "response head"};
  return fail_with(sender_.socket_error().value_or(closed));
}

core::task<Result<>> ClientConnection::send_until_readable(core::Context& context) {
  Result<> ready;
  Result<core::Permit> permit = senders_.try_acquire();
  WEIR_CHECK(permit, "one task sends on a connection");
  const Result<> joined = co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
    scope.spawn(std::move(*permit), send_meanwhile(scope));
    ready = co_await socket_.readable(scope.context());
    scope.cancel();
  });
  if (body_error_) co_return fail_with(*body_error_);
  if (!joined) co_return joined;
  co_return ready;
}

core::task<void> ClientConnection::send_meanwhile(core::Scope& scope) {
  const Result<> sent = co_await sender_.send_rest(scope.context(), socket_);
  // Told to pause, or too late, as the reader is then.
  if (sent || !scope.context().check(core::now())) co_return;
  body_error_ = sent.error();
  scope.cancel();
}

std::unexpected<Error> ClientConnection::fail_with(const Error& error) {
  stage_ = Stage::failed;
  failure_ = error;
  sender_.stop();
  return std::unexpected(error);
}

Error ClientConnection::refusal_error() const {
  const Refusal refusal = parser_.refusal();
  Error error{.kind = ErrorKind::invalid, .reason = Reason::malformed, .where = facts(refusal).label};
  if (refusal == Refusal::header_bytes || refusal == Refusal::header_count ||
      refusal == Refusal::body_too_large) {
    error.reason = Reason::too_large;
  }
  return error;
}

std::optional<std::uint64_t> ClientConnection::length() const {
  const BodyLength length = parser_.body_length();
  if (length.kind == BodyLength::Kind::none) return 0;
  if (length.kind == BodyLength::Kind::known) return length.bytes;
  return std::nullopt;
}

const Headers* ClientConnection::trailers() const {
  return stage_ == Stage::ended && !parser_.trailers().empty() ? &parser_.trailers() : nullptr;
}

bool ClientConnection::is_stale() const {
  return reused_ && !received_any_ && stage_ == Stage::failed && failure_->kind == ErrorKind::disconnected;
}

std::optional<CloseCause> ClientConnection::settle() {
  while (stage_ == Stage::body) {
    const Parser::Event event = step();
    if (event == Parser::Event::end) stage_ = Stage::ended;
    if (event == Parser::Event::refused) stage_ = Stage::failed;
    if (event == Parser::Event::need_more) return CloseCause::abandoned;
  }
  if (stage_ == Stage::failed) return body_error_ ? CloseCause::abandoned : CloseCause::failed;
  if (stage_ == Stage::head) return CloseCause::abandoned;
  if (stage_ == Stage::upgraded) return CloseCause::unusable;
  if (!sender_.done() || !parser_.keep_alive() || !unread_.empty() || stream_ended_)
    return CloseCause::unusable;
  return std::nullopt;
}

void ClientConnection::mark_idle(TimePoint now) {
  stage_ = Stage::idle;
  idle_since_ = now;
  idle_mark_ = socket_.quiet_mark();
  release();
  sender_.trim();
  head_.clear();
  head_.headers.shrink(kFieldsKeptMax);
}

}  // namespace weir::http::internal

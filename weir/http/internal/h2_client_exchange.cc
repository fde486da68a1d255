#include "weir/http/internal/h2_client_exchange.h"

#include <utility>

#include "weir/base/check.h"
#include "weir/core/now.h"

namespace weir::http::internal {
namespace {

// As over HTTP/1: such a status says that the rest of the request is not wanted.
constexpr int kFirstRefusing = 300;

}  // namespace

H2ClientExchange::~H2ClientExchange() {
  if (!opened_) return;
  connection().drop(stream_, stream_.ended ? H2Drop::not_needed : H2Drop::cancelled);
}

core::task<Result<>> H2ClientExchange::exchange(core::Context& context, const Outgoing& request) {
  if (Result<> begun = begin(request); !begun) co_return begun;
  for (;;) {
    {
      const auto guard = connection().lock();
      if (stream_.head_complete) break;
      if (stream_.error) co_return std::unexpected(*stream_.error);
      stream_.changed.reset();
    }
    if (Result<> waited = co_await wait_changed(context); !waited) co_return waited;
  }
  if (stream_.head.status >= kFirstRefusing) stop_sending();
  co_return Result<>();
}

Result<> H2ClientExchange::begin(const Outgoing& request) {
  body_ = request.body;
  body_length_ = body_ == nullptr ? 0 : body_->length();
  if (body_length_ == 0) body_ = nullptr;
  answers_head_ = request.head.method == "HEAD";
  if (body_ != nullptr) {
    if (Result<> fits = take_length(request.first_piece); !fits) {
      body_error_ = fits.error();
      return fits;
    }
    stream_.outgoing = request.first_piece;
    stream_.taken.reset();
    if (request.first_piece.empty()) {
      stream_.taken.set();
      stream_.outgoing_ends = true;
    } else if (body_taken_ == body_length_) {
      stream_.outgoing_ends = true;
    }
    if (stream_.outgoing_ends) {
      if (const Headers* trailers = body_->trailers()) stream_.request_trailers = *trailers;
    }
  }
  if (Result<> opened = connection().open(stream_, request, body_length_); !opened) return opened;
  opened_ = true;
  if (stream_.outgoing_ends) body_ = nullptr;
  return {};
}

bool H2ClientExchange::may_repeat() const {
  return !body_asked_ && !body_error_ && (!opened_ || stream_.never_processed);
}

bool H2ClientExchange::is_stale() const {
  return lease_.reused() && !stream_.received_any() && stream_.error &&
         stream_.error->kind == ErrorKind::disconnected && !stream_.reset_by_peer;
}

core::task<Result<std::span<const std::byte>>> H2ClientExchange::next(core::Context& context) {
  if (!piece_.empty()) {
    connection().consumed(stream_, piece_.size());
    piece_.clear();
  }
  for (;;) {
    {
      const auto guard = connection().lock();
      if (!stream_.incoming.empty()) {
        piece_.swap(stream_.incoming);
        co_return std::span<const std::byte>(piece_);
      }
      if (stream_.ended) break;
      if (stream_.error) co_return std::unexpected(*stream_.error);
      stream_.changed.reset();
    }
    if (Result<> waited = co_await wait_changed(context); !waited) co_return std::unexpected(waited.error());
  }
  stop_sending();
  co_return std::span<const std::byte>();
}

core::task<Result<>> H2ClientExchange::wait_changed(core::Context& context) {
  if (!sending()) co_return co_await connection().wait_changed(context, stream_);
  Result<> waited;
  Result<core::Permit> permit = senders_.try_acquire();
  WEIR_CHECK(permit, "one task sends a request's body");
  const Result<> joined = co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
    scope.spawn(std::move(*permit), send_meanwhile(scope));
    waited = co_await connection().wait_changed(scope.context(), stream_);
    scope.cancel();
  });
  if (body_error_) {
    stop_sending();
    const auto guard = connection().lock();
    stream_.fail(*body_error_);
    co_return std::unexpected(*body_error_);
  }
  if (!joined) co_return joined;
  co_return waited;
}

core::task<void> H2ClientExchange::send_meanwhile(core::Scope& scope) {
  const Result<> sent = co_await send_rest(scope.context());
  // Told to pause, or too late, as the reader is then.
  if (sent || !scope.context().check(core::now())) co_return;
  body_error_ = sent.error();
  scope.cancel();
}

core::task<Result<>> H2ClientExchange::send_rest(core::Context& context) {
  while (sending()) {
    if (Result<> going = context.check(core::now()); !going) co_return going;
    if (Result<> room = co_await stream_.taken.wait(context); !room) co_return room;
    {
      const auto guard = connection().lock();
      if (stream_.closed) co_return Result<>();
    }
    body_asked_ = true;
    const Result<std::span<const std::byte>> piece = co_await body_->next(context);
    if (!piece) co_return std::unexpected(piece.error());
    if (Result<> offered = offer(*piece); !offered) co_return offered;
  }
  co_return Result<>();
}

Result<> H2ClientExchange::offer(std::span<const std::byte> piece) {
  if (Result<> fits = take_length(piece); !fits) return fits;
  const bool ends = piece.empty() || body_taken_ == body_length_;
  if (ends) {
    const Headers* const trailers = body_->trailers();
    const auto guard = connection().lock();
    if (trailers != nullptr) stream_.request_trailers = *trailers;
  }
  connection().offer(stream_, piece, ends);
  if (ends) body_ = nullptr;
  return {};
}

Result<> H2ClientExchange::take_length(std::span<const std::byte> piece) {
  body_taken_ += piece.size();
  if (!body_length_ || (!piece.empty() && body_taken_ <= *body_length_)) return {};
  return fail(ErrorKind::internal, Reason::malformed, "length of the request's body");
}

void H2ClientExchange::stop_sending() {
  body_ = nullptr;
  const auto guard = connection().lock();
  stream_.outgoing = {};
  stream_.outgoing_ends = false;
}

std::optional<std::uint64_t> H2ClientExchange::length() const {
  if (answers_head_ || has_no_body(stream_.head.status)) return 0;
  const auto guard = connection().lock();
  if (stream_.ended && stream_.body_bytes == 0) return 0;
  return stream_.length;
}

const Headers* H2ClientExchange::trailers() const {
  const auto guard = connection().lock();
  return stream_.ended && stream_.incoming.empty() && !stream_.trailers.empty() ? &stream_.trailers : nullptr;
}

}  // namespace weir::http::internal

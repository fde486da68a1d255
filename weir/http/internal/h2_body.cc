#include "weir/http/internal/h2_body.h"

#include <algorithm>
#include <mutex>

#include "weir/core/now.h"
#include "weir/http/internal/pace.h"

namespace weir::http::internal {
namespace {

// What a body that was read to its end may keep of its memory.
constexpr std::size_t kKeptMax = 16 << 10;

void empty(std::string& text) {
  text.clear();
  if (text.capacity() > kKeptMax) text.shrink_to_fit();
}

}  // namespace

void H2Body::open(std::int32_t stream) {
  stream_ = stream;
  length_ = BodyLength::chunked();
  arrived_.clear();
  reading_.clear();
  trailers_.clear();
  received_ = discarded_ = 0;
  waited_ = {};
  complete_ = continue_due_ = false;
  unwanted_ = true;
  failure_.reset();
  refusal_ = Refusal::none;
}

void H2Body::begin(BodyLength length, bool expects_continue) {
  length_ = length;
  complete_ = length == BodyLength::none();
  continue_due_ = expects_continue;
  unwanted_ = false;
}

void H2Body::append(std::span<const std::uint8_t> bytes) {
  received_ += bytes.size();
  continue_due_ = false;  // a client that sends does not wait
  if (received_ > link_.service.options.request.body.count && !failure_) {
    refuse(Refusal::body_too_large,
           {.kind = ErrorKind::invalid, .reason = Reason::too_large, .where = "request body"});
  }
  if (unwanted_ || failure_) {
    discarded_ += bytes.size();
    if (may_be_discarded()) {
      nghttp2_session_consume(link_.session, stream_, bytes.size());
    } else {
      nghttp2_session_consume_connection(link_.session, bytes.size());
    }
    return;
  }
  arrived_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  arrival_.set();
}

void H2Body::end() {
  complete_ = true;
  arrival_.set();
}

void H2Body::cut_off(const Error& error) {
  if (complete_ || failure_) return;
  failure_ = error;
  arrival_.set();
}

void H2Body::refuse(Refusal refusal, const Error& error) {
  if (failure_) return;
  refusal_ = refusal;
  cut_off(error);
}

void H2Body::leave() {
  unwanted_ = true;
  const std::size_t unread = arrived_.size() + reading_.size();
  if (unread > 0 && link_.session != nullptr) nghttp2_session_consume_connection(link_.session, unread);
  empty(arrived_);
  empty(reading_);
}

bool H2Body::may_be_discarded() const {
  if (complete_) return true;
  if (failure_ || continue_due_) return false;
  const std::uint64_t max = link_.service.options.discard_max.count;
  return discarded_ <= max && (length_.kind != BodyLength::Kind::known || length_.bytes - received_ <= max);
}

void H2Body::give_back_locked() {
  if (reading_.empty()) return;
  if (link_.session != nullptr) {
    nghttp2_session_consume(link_.session, stream_, reading_.size());
    link_.want_output_if_any();
  }
  reading_.clear();
}

void H2Body::send_continue_locked() {
  continue_due_ = false;
  if (link_.session == nullptr) return;
  link_.fields.set_status(100);
  nghttp2_submit_headers(link_.session, NGHTTP2_FLAG_NONE, stream_, nullptr, link_.fields.data(),
                         link_.fields.size(), nullptr);
  link_.want_output();
}

std::optional<Result<H2Body::Piece>> H2Body::take_locked() {
  give_back_locked();
  if (failure_) return Result<Piece>(std::unexpected(*failure_));
  if (!arrived_.empty()) {
    reading_.swap(arrived_);
    return Result<Piece>(std::as_bytes(std::span(reading_)));
  }
  if (complete_) return Result<Piece>(Piece());
  return std::nullopt;
}

TimePoint H2Body::expect_locked(TimePoint now) {
  arrival_.reset();
  const Server::Options& options = link_.service.options;
  return saturating_add(now, options.body_grace + earned(received_, options.body_bytes_per_s_min) - waited_);
}

core::task<Result<std::span<const std::byte>>> H2Body::next(core::Context& context) {
  for (;;) {
    const TimePoint began = core::now();
    TimePoint deadline;
    {
      const std::lock_guard guard(link_.mutex);
      if (std::optional<Result<Piece>> taken = take_locked()) co_return *taken;
      if (continue_due_) send_continue_locked();
      deadline = expect_locked(began);
    }
    if (Result<> waited = co_await wait(context, began, deadline); !waited)
      co_return std::unexpected(waited.error());
  }
}

// Good where the body itself is too slow: it has failed then.
core::task<Result<>> H2Body::wait(core::Context& context, TimePoint began, TimePoint deadline) {
  const Result<> arrived = co_await arrival_.wait(context, deadline);
  const std::lock_guard guard(link_.mutex);
  waited_ += core::now() - began;
  if (arrived) co_return arrived;
  // The caller's own deadline may pass without harm to the body.
  if (arrived.error().kind != ErrorKind::deadline || deadline >= context.deadline()) co_return arrived;
  refuse(Refusal::body_timeout,
         {.kind = ErrorKind::disconnected, .reason = Reason::timed_out, .where = "request body"});
  co_return Result<>();
}

bool H2Body::gathered_locked() const {
  if (complete_ || failure_ || continue_due_ || length_.kind != BodyLength::Kind::known) return true;
  // Others may be gathering too, and what they have together fits into the window of
  // the connection: else all would wait for bytes that it keeps out.
  const auto& http2 = link_.service.options.http2;
  const std::uint64_t share = http2.connection_window.count / http2.streams_max;
  return arrived_.size() >=
         std::min<std::uint64_t>({length_.bytes, kGatheredMax, http2.stream_window.count, share});
}

bool H2Body::gathered() const {
  const std::lock_guard guard(link_.mutex);
  return gathered_locked();
}

core::task<Result<>> H2Body::gather(core::Context& context) {
  for (;;) {
    const TimePoint began = core::now();
    TimePoint deadline;
    {
      const std::lock_guard guard(link_.mutex);
      if (failure_) co_return std::unexpected(*failure_);
      if (gathered_locked()) co_return Result<>();
      deadline = expect_locked(began);
    }
    if (Result<> waited = co_await wait(context, began, deadline); !waited) co_return waited;
  }
}

std::optional<std::uint64_t> H2Body::length() const {
  if (length_.kind == BodyLength::Kind::chunked) return std::nullopt;
  return length_.bytes;
}

const Headers* H2Body::trailers() const {
  const std::lock_guard guard(link_.mutex);
  return complete_ && arrived_.empty() && !trailers_.empty() ? &trailers_ : nullptr;
}

}  // namespace weir::http::internal

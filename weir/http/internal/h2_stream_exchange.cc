// The replying side of a stream: what an Exchange calls.
#include <mutex>

#include "weir/core/now.h"
#include "weir/http/internal/h2_stream.h"

namespace weir::http::internal {
namespace {

// So much of a reply is copied and held until the client's window takes it; a
// handler that has more waits.
constexpr std::size_t kHeldMax = 16 << 10;

std::unexpected<Error> misuse(std::string_view what) { return fail(ErrorKind::internal, Reason::none, what); }

std::unexpected<Error> gone() { return fail(ErrorKind::disconnected, Reason::reset, "reply"); }

ssize_t offer_data(nghttp2_session* /*session*/, std::int32_t /*id*/, std::uint8_t* /*buffer*/,
                   std::size_t bytes, std::uint32_t* flags, nghttp2_data_source* source, void* /*link*/) {
  return static_cast<H2Stream*>(source->ptr)->offer(bytes, *flags);
}

}  // namespace

ResponseHead& H2Stream::reply_head() {
  reply_head_.clear();
  return reply_head_;
}

// False: the stream is closed.
bool H2Stream::submit_locked(bool has_body) {
  if (!open_ || link_.session == nullptr) return false;
  nghttp2_data_provider provider{.source = {.ptr = this}, .read_callback = offer_data};
  moved_ = core::now();
  return nghttp2_submit_response(link_.session, id_, link_.fields.data(), link_.fields.size(),
                                 has_body ? &provider : nullptr) == 0;
}

// False: a reply has begun already, or this is no status to end with.
bool H2Stream::begin_reply_locked(const ResponseHead& head, BodyLength length, bool whole) {
  if (head_sent() || head.status < 200 || head.status > 999) return false;
  if (length.kind == BodyLength::Kind::none) length = BodyLength::known(0);
  bodiless_ = head_.method == "HEAD" || has_no_body(head.status);
  length_ = length;
  remaining_ = length.bytes;
  held_.clear();
  held_at_ = 0;
  stage_ = whole ? Stage::finished : Stage::started;
  body_.stop_continue();
  link_.fields.set_head(head, has_no_body(head.status) ? BodyLength::none() : length);
  return true;
}

Sending H2Stream::respond(const ResponseHead& head, std::span<const std::byte> body) {
  const std::lock_guard guard(link_.mutex);
  if (!begin_reply_locked(head, BodyLength::known(body.size()), true)) return misuse("respond");
  if (bodiless_) body = {};
  if (!submit_locked(!body.empty())) return gone();
  link_.service.shard.counters.replies.add();
  return send_locked(body);
}

Sending H2Stream::start(const ResponseHead& head, BodyLength length) {
  const std::lock_guard guard(link_.mutex);
  if (!begin_reply_locked(head, length, false)) return misuse("start");
  if (!submit_locked(!bodiless_)) return gone();
  return Result<>{};
}

// What was submitted goes out, with `piece`, which is copied or lent.
Sending H2Stream::send_locked(std::span<const std::byte> piece) {
  link_.want_output();
  if (piece.empty()) return Result<>{};
  if (unsent() == 0) moved_ = core::now();
  if (unsent() + piece.size() <= kHeldMax) {
    held_.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return Result<>{};
  }
  lent_ = piece;
  taken_.reset();
  return until_taken();
}

core::task<Result<>> H2Stream::until_taken() {
  const Result<> taken = co_await taken_.wait(link_.life);
  const std::lock_guard guard(link_.mutex);
  lent_ = {};
  if (!taken) {
    reset_locked(NGHTTP2_CANCEL);
    co_return taken;
  }
  if (cut_off_ || (!open_ && stage_ != Stage::finished)) co_return gone();
  co_return Result<>{};
}

Sending H2Stream::write(std::span<const std::byte> piece) {
  const std::lock_guard guard(link_.mutex);
  if (stage_ != Stage::started) return misuse("write");
  if (length_.kind == BodyLength::Kind::known) {
    if (piece.size() > remaining_) return misuse("write: more than was announced");
    remaining_ -= piece.size();
  }
  if (!open_) return gone();
  if (bodiless_) piece = {};
  if (!piece.empty()) nghttp2_session_resume_data(link_.session, id_);
  return send_locked(piece);
}

Sending H2Stream::finish(const Headers* trailers) {
  const std::lock_guard guard(link_.mutex);
  if (stage_ != Stage::started) return misuse("finish");
  const bool is_short = length_.kind == BodyLength::Kind::known && remaining_ > 0;
  if (is_short && !bodiless_) return misuse("finish: less than was announced");
  if (!open_) return gone();
  stage_ = Stage::finished;
  link_.service.shard.counters.replies.add();
  has_trailers_ = trailers != nullptr && !trailers->empty() && !bodiless_;
  if (has_trailers_) trailers_ = *trailers;
  if (!bodiless_) nghttp2_session_resume_data(link_.session, id_);
  link_.want_output();
  return Result<>{};
}

Sending H2Stream::flush() {
  const std::lock_guard guard(link_.mutex);
  if (!open_) return gone();
  link_.want_output();
  return Result<>{};
}

void H2Stream::abort() {
  const std::lock_guard guard(link_.mutex);
  reset_locked(NGHTTP2_INTERNAL_ERROR);
}

}  // namespace weir::http::internal

// The life of a stream, and what the session asks of it.
#include "weir/http/internal/h2_stream.h"

#include <algorithm>
#include <mutex>

#include "weir/core/now.h"
#include "weir/http/internal/h2_streams.h"
#include "weir/http/internal/reply_text.h"

namespace weir::http::internal {
namespace {

// What a stream keeps of its memory for the next.
constexpr std::size_t kKeptMax = 16 << 10;

}  // namespace

void H2Stream::open(std::int32_t id) {
  id_ = id;
  open_ = true;
  stage_ = Stage::none;
  bodiless_ = has_trailers_ = cut_off_ = false;
  replied_ = kNever;
  fields_.begin();
  body_.open(id);
}

void H2Stream::begin() {
  running_ = true;
  ++link_.handlers;
  body_.begin(fields_.body_length(), fields_.expects_continue());
}

bool H2Stream::may_linger(TimePoint now) const {
  if (!open_ || replied_ == kNever) return true;
  return body_.may_be_discarded() && now - replied_ < link_.service.options.linger_timeout;
}

void H2Stream::closed(std::uint32_t code) {
  open_ = false;
  if (stage_ == Stage::finished && unsent() > 0) {
    cut_off_ = true;
    link_.service.shard.counters.replies_cut_off.add();
  }
  lent_ = {};
  held_.clear();
  held_at_ = 0;
  const Reason reason = code == NGHTTP2_NO_ERROR ? Reason::closed : Reason::reset;
  body_.cut_off({.kind = ErrorKind::disconnected, .reason = reason, .where = "request body"});
  taken_.set();
  if (!running_) return recycle_locked();
  if (context_) context_->cancel();
}

void H2Stream::recycle_locked() {
  context_.reset();
  if (held_.capacity() > kKeptMax) held_.shrink_to_fit();
  owner_.give_back(*this);
}

core::task<void> H2Stream::run() {
  bool failed = false;
  try {
    co_await link_.service.handler.handle(exchange_);
  } catch (...) {
    failed = true;
  }
  settle(failed);
}

void H2Stream::settle(bool handler_failed) {
  const std::lock_guard guard(link_.mutex);
  settle_locked(handler_failed);
  end_handler_locked();
}

// The stream may be another request's on return.
void H2Stream::end_handler_locked() {
  running_ = false;
  --link_.handlers;
  body_.leave();
  link_.want_output_if_any();
  if (!open_) recycle_locked();
}

void H2Stream::abandon() {
  link_.service.shard.counters.requests_abandoned.add();
  end_handler_locked();
}

void H2Stream::settle_locked(bool handler_failed) {
  Counters& counters = link_.service.shard.counters;
  if (handler_failed) counters.count(Refusal::handler_failed);
  if (body_.refusal() != Refusal::none) counters.count(body_.refusal());
  if (stage_ == Stage::finished) return;
  if (stage_ == Stage::started) {
    counters.replies_cut_off.add();
    return reset_locked(NGHTTP2_INTERNAL_ERROR);
  }
  if (!open_) return counters.requests_abandoned.add();
  Refusal refusal = body_.refusal();
  if (refusal == Refusal::none) refusal = handler_failed ? Refusal::handler_failed : Refusal::no_reply;
  if (refusal == Refusal::no_reply) counters.count(refusal);
  answer(refusal);
}

void H2Stream::answer(Refusal refusal) {
  ResponseHead head;
  head.status = http::facts(refusal).status;
  head.headers.add("content-type", "application/json");
  if (head.status == 503) head.headers.add("retry-after", "1");
  const std::string text = refusal_body(refusal);
  bodiless_ = head_.method == "HEAD";
  stage_ = Stage::finished;
  link_.fields.set_head(head, BodyLength::known(text.size()));
  held_at_ = 0;
  held_.assign(bodiless_ ? std::string_view() : std::string_view(text));
  if (submit_locked(!bodiless_)) link_.service.shard.counters.replies.add();
}

void H2Stream::reset_locked(std::uint32_t code) {
  if (!open_ || link_.session == nullptr) return;
  nghttp2_submit_rst_stream(link_.session, NGHTTP2_FLAG_NONE, id_, code);
  link_.want_output();
}

core::Context& H2Stream::request_context() {
  const std::lock_guard guard(link_.mutex);
  if (!context_) {
    context_.emplace(link_.life);
    if (!open_) context_->cancel();
  }
  return *context_;
}

ssize_t H2Stream::offer(std::size_t bytes, std::uint32_t& flags) {
  const bool whole = stage_ == Stage::finished;
  if (unsent() == 0 && !whole) return NGHTTP2_ERR_DEFERRED;
  const std::size_t offered = std::min(bytes, unsent());
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (!whole || offered < unsent()) return static_cast<ssize_t>(offered);
  flags |= NGHTTP2_DATA_FLAG_EOF;
  if (has_trailers_) {
    link_.fields.set_trailers(trailers_);
    if (!link_.fields.empty()) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      nghttp2_submit_trailer(link_.session, id_, link_.fields.data(), link_.fields.size());
    }
  }
  return static_cast<ssize_t>(offered);
}

void H2Stream::take(std::size_t bytes, std::string& out) {
  link_.bytes_taken += bytes;
  moved_ = core::now();
  const std::size_t held = std::min(bytes, held_.size() - held_at_);
  out.append(held_, held_at_, held);
  held_at_ += held;
  if (held_at_ == held_.size()) {
    held_.clear();
    held_at_ = 0;
  }
  if (bytes == held) return;
  const auto piece = lent_.first(bytes - held);
  out.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  lent_ = lent_.subspan(piece.size());
  if (lent_.empty()) taken_.set();
}

TimePoint H2Stream::stalled_since() const {
  if (!has_unsent()) return kNever;
  const bool shut = nghttp2_session_get_stream_remote_window_size(link_.session, id_) <= 0 ||
                    nghttp2_session_get_remote_window_size(link_.session) <= 0;
  return shut ? moved_ : kNever;
}

}  // namespace weir::http::internal

#include "weir/http/internal/h2_session.h"

#include <algorithm>
#include <array>

#include "weir/base/check.h"
#include "weir/http/internal/pace.h"

namespace weir::http::internal {
namespace {

// A field counts as so many bytes more in SETTINGS_MAX_HEADER_LIST_SIZE (RFC
// 9113 section 6.5.2).
constexpr std::uint64_t kFieldOverhead = 32;
// Frames that a head within its limit may come in, beside full ones.
constexpr std::size_t kContinuationsMax = 8;
constexpr std::size_t kFrameBytes = 16 << 10;

std::uint32_t settings_value(std::uint64_t value) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, NGHTTP2_MAX_WINDOW_SIZE));
}

}  // namespace

H2Session::H2Session(H2Link& link, TimePoint now)
    : link_(link),
      // Twice: a task gives its permit back a moment after its handler has ended.
      tasks_({.name = "http2 handlers", .limit = 2 * std::uint64_t{link.service.options.http2.streams_max}}),
      streams_(link, link.service.options.http2.streams_max),
      now_(now),
      resets_(link.service.options.http2.resets_max, now),
      idle_frames_(link.service.options.http2.idle_frames_max, now),
      // Of each that may be open one, and as many again meanwhile.
      reset_streams_(2 * std::size_t{link.service.options.http2.streams_max}),
      swept_(now) {}

H2Session::~H2Session() { nghttp2_session_del(link_.session); }

bool H2Session::begin() {
  const Server::Options& options = link_.service.options;
  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) != 0) return false;
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_continuations(option, kContinuationsMax + options.request.head.count / kFrameBytes);
  nghttp2_option_set_max_send_header_block_length(option, 2 * Headers::kBytesMax);
  const int made = nghttp2_session_server_new2(&link_.session, callbacks(), this, option);
  nghttp2_option_del(option);
  if (made != 0) return false;
  const std::array<nghttp2_settings_entry, 4> settings{{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.http2.streams_max},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings_value(options.http2.stream_window.count)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
       settings_value(options.request.head.count + kFieldOverhead * options.request.fields)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  nghttp2_submit_settings(link_.session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(
      link_.session, NGHTTP2_FLAG_NONE, 0,
      static_cast<std::int32_t>(settings_value(options.http2.connection_window.count)));
  return true;
}

void H2Session::end() {
  if (link_.session == nullptr) return;
  ready_.clear();
  // on_stream_close is not called by it.
  for (const std::unique_ptr<H2Stream>& stream : streams_.all()) {
    if (stream->is_open()) stream->closed(NGHTTP2_CANCEL);
  }
  nghttp2_session_del(link_.session);
  link_.session = nullptr;
}

bool H2Session::wants_input() const {
  return link_.session != nullptr && !broken_ && nghttp2_session_want_read(link_.session) != 0;
}

bool H2Session::is_over() const {
  return link_.session == nullptr || broken_ ||
         (!wants_input() && nghttp2_session_want_write(link_.session) == 0);
}

void H2Session::receive(std::span<const std::byte> bytes, TimePoint now) {
  now_ = now;
  std::size_t fed = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t step = walk_.step(bytes.subspan(at));
    if (walk_.at_head() && may_be_out_of_order(walk_.head())) {
      // As it stands with all that came before this frame.
      feed(bytes.subspan(fed, at - fed));
      fed = at;
      check_order(walk_.head());
    }
    at += step;
  }
  feed(bytes.subspan(fed));
}

// Whether check_order() has something to say of it: not of the next stream, as nearly
// every frame is one.
bool H2Session::may_be_out_of_order(const H2FrameWalk::Head& frame) {
  if (frame.type == NGHTTP2_HEADERS && frame.stream > newest_) {
    newest_ = frame.stream;
    return false;
  }
  return frame.type == NGHTTP2_HEADERS || frame.type == NGHTTP2_DATA || frame.type == NGHTTP2_PRIORITY;
}

// nghttp2 keeps no streams that are closed, and passes over what comes for them, as for
// those of lower numbers that were never opened.
void H2Session::check_order(const H2FrameWalk::Head& frame) {
  if (terminated_ || broken_) return;
  // Of all that it may say this alone means something still (RFC 9113 section 6.3).
  if (frame.type == NGHTTP2_PRIORITY) {
    if (frame.stream == 0) terminate(Refusal::h2_protocol, NGHTTP2_PROTOCOL_ERROR);
    return;
  }
  const bool too_late = frame.stream > 0 &&
                        frame.stream <= nghttp2_session_get_last_proc_stream_id(link_.session) &&
                        nghttp2_session_find_stream(link_.session, frame.stream) == nullptr;
  if (!too_late || reset_streams_.contains(frame.stream)) return;
  if (frame.type == NGHTTP2_DATA) return reset(frame.stream, NGHTTP2_STREAM_CLOSED);
  terminate(Refusal::h2_protocol, NGHTTP2_STREAM_CLOSED);
}

void H2Session::feed(std::span<const std::byte> bytes) {
  if (bytes.empty() || broken_) return;
  const ssize_t read = nghttp2_session_mem_recv(
      link_.session, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (read >= 0) return;
  switch (read) {
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
      return terminate(Refusal::h2_continuation_flood, NGHTTP2_ENHANCE_YOUR_CALM);
    case NGHTTP2_ERR_FLOODED: return terminate(Refusal::h2_frame_flood, NGHTTP2_ENHANCE_YOUR_CALM);
    default: return terminate(Refusal::h2_protocol, NGHTTP2_PROTOCOL_ERROR);
  }
}

bool H2Session::gather(std::string& out, std::size_t bytes) {
  if (link_.session == nullptr || broken_) return false;
  out_ = &out;
  out_max_ = bytes;
  while (out.size() < bytes) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(link_.session, &data);
    if (size < 0) broken_ = true;
    if (size <= 0) break;
    out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  out_ = nullptr;
  return !broken_;
}

void H2Session::terminate(Refusal refusal, std::uint32_t code) {
  if (terminated_) return;
  terminated_ = true;
  if (refusal != Refusal::none) link_.service.shard.counters.count(refusal);
  nghttp2_session_terminate_session(link_.session, code);
}

void H2Session::announce_end() {
  nghttp2_submit_shutdown_notice(link_.session);
  nghttp2_submit_ping(link_.session, NGHTTP2_FLAG_NONE, kPing.data());
}

void H2Session::refuse_further() {
  nghttp2_submit_goaway(link_.session, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(link_.session), NGHTTP2_NO_ERROR, nullptr, 0);
}

void H2Session::sweep(TimePoint now) {
  now_ = now;
  if (now >= head_deadline_) return terminate(Refusal::head_timeout, NGHTTP2_ENHANCE_YOUR_CALM);
  for (const std::unique_ptr<H2Stream>& stream : streams_.all()) {
    end_lingering(*stream);
    const TimePoint since = stream->stalled_since();
    if (since == kNever || now - since < link_.service.options.write_timeout) continue;
    link_.service.shard.counters.count(Refusal::h2_window_stall);
    reset(stream->id(), NGHTTP2_CANCEL);
  }
  sweep_pace(now);
}

// A window that opens by a byte from time to time is no progress either: all
// that was waited for replies may be write_timeout, and what their bytes take at
// the slowest rate allowed.
void H2Session::sweep_pace(TimePoint now) {
  const Server::Options& options = link_.service.options;
  if (swept_unsent_) unsent_for_ += now - swept_;
  swept_ = now;
  swept_unsent_ =
      std::ranges::any_of(streams_.all(), [](const auto& stream) { return stream->has_unsent(); });
  const std::uint64_t rate = options.body_bytes_per_s_min;
  if (swept_unsent_ && rate > 0 && unsent_for_ > options.write_timeout + earned(link_.bytes_taken, rate)) {
    terminate(Refusal::h2_window_stall, NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

}  // namespace weir::http::internal

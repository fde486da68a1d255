// What the session reports, and the rules by which it goes on.
#include <algorithm>
#include <utility>

#include "weir/base/check.h"
#include "weir/http/internal/h2_session.h"

namespace weir::http::internal {
namespace {

// Error codes by which the client is told that it broke a rule: a reset that it
// has provoked costs it as much as its own.
bool blames_client(std::uint32_t code) {
  return code != NGHTTP2_NO_ERROR && code != NGHTTP2_REFUSED_STREAM && code != NGHTTP2_INTERNAL_ERROR &&
         code != NGHTTP2_CANCEL;
}

}  // namespace

void H2Session::spend(H2Budget& budget, Refusal refusal) {
  if (!budget.spend(now_)) terminate(refusal, NGHTTP2_ENHANCE_YOUR_CALM);
}

void H2Session::reset(std::int32_t stream, std::uint32_t code) {
  nghttp2_submit_rst_stream(link_.session, NGHTTP2_FLAG_NONE, stream, code);
}

void H2Session::on_frame_begins(const nghttp2_frame_hd& frame) {
  constexpr std::uint64_t kBytesPerFrame = 1024;
  switch (frame.type) {
    case NGHTTP2_HEADERS: return;
    case NGHTTP2_DATA:
      if (frame.length > 0) return idle_frames_.earn(frame.length / kBytesPerFrame);
      if ((frame.flags & NGHTTP2_FLAG_END_STREAM) != 0) return;
      break;
    case NGHTTP2_RST_STREAM: return spend(resets_, Refusal::h2_reset_flood);
    case NGHTTP2_CONTINUATION: return spend(idle_frames_, Refusal::h2_continuation_flood);
    default: break;
  }
  spend(idle_frames_, Refusal::h2_frame_flood);
}

void H2Session::on_head_begins(const nghttp2_frame& frame) {
  head_broken_ = false;
  head_deadline_ = saturating_add(now_, link_.service.options.header_timeout);
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    H2Stream* const stream = streams_.take();
    if (stream == nullptr) {
      link_.service.shard.counters.count(Refusal::h2_stream_limit);
      return reset(frame.hd.stream_id, NGHTTP2_REFUSED_STREAM);
    }
    stream->open(frame.hd.stream_id);
    nghttp2_session_set_stream_user_data(link_.session, frame.hd.stream_id, stream);
  } else if (auto* const stream = static_cast<H2Stream*>(
                 nghttp2_session_get_stream_user_data(link_.session, frame.hd.stream_id))) {
    stream->fields().begin_trailers();
  }
}

void H2Session::on_field(const nghttp2_frame& frame, std::string_view name, std::string_view value) {
  auto* const stream =
      static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(link_.session, frame.hd.stream_id));
  if (stream == nullptr || terminated_) return;
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) {
    if (head_broken_ || stream->fields().add_trailer(stream->incoming().trailers_to_fill(), name, value))
      return;
    head_broken_ = true;
    stream->incoming().refuse(
        Refusal::trailer, {.kind = ErrorKind::invalid, .reason = Reason::malformed, .where = "request body"});
    return;
  }
  stream->fields().add(name, value);
  if (stream->fields().is_flood()) terminate(Refusal::h2_header_flood, NGHTTP2_ENHANCE_YOUR_CALM);
}

void H2Session::on_frame(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_PING && (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) {
    round_trip_done_ |= std::ranges::equal(frame.ping.opaque_data, kPing);
    return;
  }
  if (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) return;
  const bool is_head = frame.hd.type == NGHTTP2_HEADERS;
  if (is_head) head_deadline_ = kNever;
  auto* const stream =
      static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(link_.session, frame.hd.stream_id));
  if (stream == nullptr) return;
  const bool ends_stream = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (is_head && frame.headers.cat == NGHTTP2_HCAT_REQUEST) return on_request(*stream, ends_stream);
  if (ends_stream) stream->incoming().end();
}

void H2Session::on_request(H2Stream& stream, bool ends_stream) {
  constexpr std::uint64_t kFramesPerRequest = 10;
  if (terminated_) return;
  Counters& counters = link_.service.shard.counters;
  const Refusal refusal = stream.fields().complete(ends_stream);
  if (refusal != Refusal::none) {
    counters.count(refusal);
    return stream.answer(refusal);
  }
  // Handlers of streams that were reset run on: it is they that are counted.
  const bool may_run = link_.handlers < link_.service.options.http2.streams_max;
  core::Permit permit = may_run ? tasks_.acquire_if_free() : core::Permit();
  if (!permit) {
    counters.count(Refusal::h2_stream_limit);
    return reset(stream.id(), NGHTTP2_REFUSED_STREAM);
  }
  counters.requests.add();
  ++requests_;
  idle_frames_.earn(kFramesPerRequest);
  stream.begin();
  ready_.push_back({&stream, std::move(permit)});
}

void H2Session::on_sent(const nghttp2_frame& frame) {
  Counters& counters = link_.service.shard.counters;
  // Of one that was over nothing was on its way.
  if (frame.hd.type == NGHTTP2_RST_STREAM && frame.rst_stream.error_code != NGHTTP2_STREAM_CLOSED) {
    reset_streams_.add(frame.hd.stream_id);
  }
  if (frame.hd.type == NGHTTP2_RST_STREAM && blames_client(frame.rst_stream.error_code)) {
    counters.count(Refusal::h2_protocol);
    return spend(resets_, Refusal::h2_reset_flood);
  }
  if (frame.hd.type == NGHTTP2_GOAWAY && frame.goaway.error_code != NGHTTP2_NO_ERROR && !terminated_) {
    counters.count(Refusal::h2_protocol);  // nghttp2 has ended it
  }
  const bool ends_stream = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (!ends_stream || (frame.hd.type != NGHTTP2_DATA && frame.hd.type != NGHTTP2_HEADERS)) return;
  if ((++half_resets_earned_ & 1) == 0) resets_.earn(1);
  if (nghttp2_session_get_stream_remote_close(link_.session, frame.hd.stream_id) != 0) return;
  auto* const stream =
      static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(link_.session, frame.hd.stream_id));
  if (stream == nullptr) return;
  stream->reply_sent(now_);
  end_lingering(*stream);
}

// The client need not send the rest of its request (RFC 9113 section 8.1).
void H2Session::end_lingering(const H2Stream& stream) {
  if (!stream.may_linger(now_)) reset(stream.id(), NGHTTP2_NO_ERROR);
}

struct H2Session::Callbacks {
  static H2Session& self(void* user) { return *static_cast<H2Session*>(user); }

  static int begin_frame(nghttp2_session* /*session*/, const nghttp2_frame_hd* frame, void* user) {
    self(user).on_frame_begins(*frame);
    return 0;
  }
  static int begin_headers(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
    self(user).on_head_begins(*frame);
    return 0;
  }
  static int header(nghttp2_session* /*session*/, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t /*flags*/, void* user) {
    self(user).on_field(*frame, {reinterpret_cast<const char*>(name), name_size},
                        {reinterpret_cast<const char*>(value), value_size});
    return 0;
  }
  // A field that is none: the message is malformed, as on HTTP/1.
  static int invalid_header(nghttp2_session* /*session*/, const nghttp2_frame* /*frame*/,
                            const std::uint8_t* /*name*/, std::size_t /*name_size*/,
                            const std::uint8_t* /*value*/, std::size_t /*value_size*/, std::uint8_t /*flags*/,
                            void* /*user*/) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  static int invalid_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, int /*error*/,
                           void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS) self(user).head_deadline_ = kNever;
    return 0;
  }
  static int frame_received(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
    self(user).on_frame(*frame);
    return 0;
  }
  static int data_chunk(nghttp2_session* session, std::uint8_t /*flags*/, std::int32_t id,
                        const std::uint8_t* data, std::size_t size, void* user) {
    if (auto* const stream = static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id))) {
      stream->incoming().append({data, size});
      self(user).end_lingering(*stream);
    } else {
      nghttp2_session_consume_connection(session, size);
    }
    return 0;
  }
  static int stream_closed(nghttp2_session* session, std::int32_t id, std::uint32_t code, void* /*user*/) {
    if (auto* const stream = static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id))) {
      nghttp2_session_set_stream_user_data(session, id, nullptr);
      stream->closed(code);
    }
    return 0;
  }
  static int frame_sent(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
    self(user).on_sent(*frame);
    return 0;
  }
  static int frame_not_sent(nghttp2_session* /*session*/, const nghttp2_frame* frame, int error, void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS && error != NGHTTP2_ERR_STREAM_CLOSED &&
        error != NGHTTP2_ERR_STREAM_CLOSING) {
      self(user).reset(frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
    }
    return 0;
  }
  static int send_data(nghttp2_session* /*session*/, nghttp2_frame* /*frame*/, const std::uint8_t* head,
                       std::size_t size, nghttp2_data_source* source, void* user) {
    constexpr std::size_t kFrameHeadBytes = 9;
    H2Session& session = self(user);
    if (session.out_->size() >= session.out_max_) return NGHTTP2_ERR_WOULDBLOCK;
    session.out_->append(reinterpret_cast<const char*>(head), kFrameHeadBytes);
    static_cast<H2Stream*>(source->ptr)->take(size, *session.out_);
    session.idle_frames_.earn(size >> 10);
    return 0;
  }

  static nghttp2_session_callbacks* make() {
    nghttp2_session_callbacks* all = nullptr;
    WEIR_CHECK(nghttp2_session_callbacks_new(&all) == 0, "out of memory");
    nghttp2_session_callbacks_set_on_begin_frame_callback(all, begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(all, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(all, header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(all, invalid_header);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(all, invalid_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, frame_received);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(all, stream_closed);
    nghttp2_session_callbacks_set_on_frame_send_callback(all, frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(all, frame_not_sent);
    nghttp2_session_callbacks_set_send_data_callback(all, send_data);
    return all;
  }
};

const nghttp2_session_callbacks* H2Session::callbacks() {
  static const nghttp2_session_callbacks* const all = Callbacks::make();  // constant, for all sessions
  return all;
}

}  // namespace weir::http::internal

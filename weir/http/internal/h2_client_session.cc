#include "weir/http/internal/h2_client_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "weir/base/check.h"
#include "weir/http/internal/h2_client_fields.h"
#include "weir/http/refusal.h"

namespace weir::http::internal {
namespace {

// HTTP/2 counts a field as its name, its value and 32 bytes (RFC 9113 section 6.5.2).
constexpr std::size_t kFieldOverhead = 32;
// Frames in a row that bring nothing: settings, pings, empty data, priorities.
// No server has cause for nearly as many.
constexpr std::uint32_t kIdleFramesMax = 1000;
// Replies to the server's pings and settings that may wait to be sent.
constexpr std::size_t kAcksMax = 100;
// In a SETTINGS frame.
constexpr std::size_t kSettingsMax = 32;
// What the server may take until its settings say otherwise; nghttp2's own number.
constexpr std::uint32_t kStreamsAtFirst = 100;

constexpr Error malformed(std::string_view where) {
  return {.kind = ErrorKind::invalid, .reason = Reason::malformed, .where = where};
}

Error too_large(Refusal refusal) {
  return {.kind = ErrorKind::invalid, .reason = Reason::too_large, .where = facts(refusal).label};
}

// What a stream's end by this code says of its response.
Error reset_error(std::uint32_t code) {
  switch (code) {
    case NGHTTP2_REFUSED_STREAM:
      return {.kind = ErrorKind::overloaded, .reason = Reason::at_limit, .where = "upstream streams"};
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return {.kind = ErrorKind::overloaded, .reason = Reason::throttled, .where = "upstream streams"};
    case NGHTTP2_HTTP_1_1_REQUIRED:
      return {.kind = ErrorKind::unsupported, .reason = Reason::none, .where = "HTTP/2"};
    default: return {.kind = ErrorKind::disconnected, .reason = Reason::reset, .where = "stream"};
  }
}

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

// What nghttp2 calls. None of them waits, and none calls back into send or recv.
struct H2ClientSession::Callbacks {
  static H2ClientSession& self(void* user) { return *static_cast<H2ClientSession*>(user); }
  static H2ClientStream* stream(nghttp2_session* session, std::int32_t id) {
    return static_cast<H2ClientStream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void*) {
    H2ClientStream* const to = stream(session, frame->hd.stream_id);
    if (to == nullptr) return 0;
    if (!to->head_complete) to->head.clear();
    to->section_bytes = to->section_fields = 0;
    return 0;
  }

  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                       void* user) {
    H2ClientStream* const to = stream(session, frame->hd.stream_id);
    if (to == nullptr) return 0;
    const H2ClientSession& of = self(user);
    const std::string_view field = text_of(name, name_size);
    to->section_bytes += name_size + value_size + kFieldOverhead;
    to->section_fields += 1;
    if (to->section_bytes > of.limits_.response.head.count) {
      to->fail(too_large(Refusal::header_bytes));
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (field == ":status") {
      to->head.status = static_cast<int>(number_of(text_of(value, value_size)).value_or(0));
      return 0;
    }
    Headers& section = to->head_complete ? to->trailers : to->head.headers;
    if (section.size() >= of.limits_.response.fields || !section.add(field, text_of(value, value_size))) {
      to->fail(too_large(Refusal::header_count));
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return 0;
  }

  // Names and values that no field may have.
  static int on_invalid_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t*,
                               std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void*) {
    if (H2ClientStream* const to = stream(session, frame->hd.stream_id)) {
      to->fail(malformed(facts(Refusal::field).label));
    }
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    H2ClientSession& of = self(user);
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        of.idle_frames_ = 0;
        if (H2ClientStream* const to = stream(session, frame->hd.stream_id)) of.on_head(*to, ends);
        return 0;
      case NGHTTP2_DATA:
        if (H2ClientStream* const to = stream(session, frame->hd.stream_id); to != nullptr && ends) {
          to->ended = true;
          to->changed.set();
        }
        if (frame->hd.length > 0 || ends) return 0;
        break;
      case NGHTTP2_RST_STREAM:
        if (H2ClientCounts* const counts = of.limits_.counts)
          counts->resets.fetch_add(1, std::memory_order_relaxed);
        if (H2ClientStream* const to = stream(session, frame->hd.stream_id)) to->reset_by_peer = true;
        return 0;
      case NGHTTP2_WINDOW_UPDATE: return 0;  // what asks for work is the body that we send
      case NGHTTP2_GOAWAY:
        if (H2ClientCounts* const counts = of.limits_.counts)
          counts->goaways.fetch_add(1, std::memory_order_relaxed);
        of.going_away_ = true;
        return 0;
      default: break;
    }
    return of.charge_idle_frame() ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                     std::size_t size, void* user) {
    H2ClientSession& of = self(user);
    of.idle_frames_ = 0;
    // A response that is read slowly holds up no other: only its own window shrinks.
    nghttp2_session_consume_connection(session, size);
    H2ClientStream* const to = stream(session, id);
    if (to == nullptr || to->error) {
      nghttp2_session_consume_stream(session, id, size);
      return 0;
    }
    to->body_bytes += size;
    if (to->body_bytes > of.limits_.response.body.count) {
      to->fail(too_large(Refusal::body_too_large));
      of.reset(*to, NGHTTP2_CANCEL);
      return 0;
    }
    const auto* const bytes = reinterpret_cast<const std::byte*>(data);
    to->incoming.insert(to->incoming.end(), bytes, bytes + size);
    to->changed.set();
    return 0;
  }

  static int on_close(nghttp2_session* session, std::int32_t id, std::uint32_t code, void*) {
    H2ClientStream* const to = stream(session, id);
    if (to == nullptr) return 0;
    to->closed = true;
    // Also of those above the last that a GOAWAY names.
    if (code == NGHTTP2_REFUSED_STREAM && !to->received_any()) to->never_processed = true;
    const bool ours = !to->reset_by_peer && code != NGHTTP2_REFUSED_STREAM;
    if (!to->ended) to->fail(ours ? malformed("HTTP/2 response") : reset_error(code));
    to->changed.set();
    to->taken.set();
    return 0;
  }

  // A request that was not sent at all: the server had said goodbye before.
  static int on_not_sent(nghttp2_session* session, const nghttp2_frame* frame, int, void*) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    if (H2ClientStream* const to = stream(session, frame->hd.stream_id)) {
      to->never_processed = true;
      to->fail(reset_error(NGHTTP2_REFUSED_STREAM));
    }
    return 0;
  }

  // A GOAWAY of ours with an error is nghttp2's verdict on the server.
  static int on_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
      self(user).faulted_ = true;
    }
    return 0;
  }

  static ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t* out, std::size_t most,
                           std::uint32_t* flags, nghttp2_data_source*, void*) {
    H2ClientStream* const from = stream(session, id);
    if (from == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const std::size_t size = std::min(most, from->outgoing.size());
    if (size > 0) std::memcpy(out, from->outgoing.data(), size);
    from->outgoing = from->outgoing.subspan(size);
    if (from->outgoing.empty() && from->outgoing_ends) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (from->request_trailers) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const H2FieldBlock block(*from->request_trailers);
        if (nghttp2_submit_trailer(session, id, block.data(), block.size()) != 0)
          return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      }
    } else if (size == 0) {
      from->deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    if (from->outgoing.empty()) from->taken.set();
    return static_cast<ssize_t>(size);
  }
};

H2ClientSession::H2ClientSession(const Limits& limits) : limits_(limits) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  WEIR_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0,
             "no memory for an HTTP/2 session");
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, Callbacks::on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::on_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::on_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, Callbacks::on_not_sent);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_max_reserved_remote_streams(option, 0);
  nghttp2_option_set_max_outbound_ack(option, kAcksMax);
  nghttp2_option_set_max_settings(option, kSettingsMax);
  nghttp2_option_set_peer_max_concurrent_streams(option, kStreamsAtFirst);
  const int made = nghttp2_session_client_new2(&session_, callbacks, this, option);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_option_del(option);
  WEIR_CHECK(made == 0, "no memory for an HTTP/2 session");

  const auto clamped = [](std::uint64_t count) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(count, NGHTTP2_MAX_WINDOW_SIZE));
  };
  const std::array<nghttp2_settings_entry, 3> settings{{
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, clamped(limits.stream_window.count)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, clamped(limits.response.head.count)},
  }};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(clamped(limits.connection_window.count)));
}

H2ClientSession::~H2ClientSession() {
  WEIR_CHECK(streams_.empty(), "a connection outlives its streams");
  nghttp2_session_del(session_);
}

Result<> H2ClientSession::check(std::int64_t outcome) const {
  if (outcome >= 0) return {};
  return std::unexpected(malformed("HTTP/2 connection"));
}

Result<> H2ClientSession::feed(std::span<const std::byte> bytes) {
  return check(
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

Result<> H2ClientSession::produce(std::vector<std::byte>& out, std::size_t most) {
  while (out.size() < most) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size <= 0) return check(size);
    const auto* const begin = reinterpret_cast<const std::byte*>(bytes);
    out.insert(out.end(), begin, begin + size);
  }
  return {};
}

Result<> H2ClientSession::open(H2ClientStream& stream, const Outgoing& request,
                               std::optional<std::uint64_t> length) {
  const H2FieldBlock block(request, limits_.secure, length);
  const bool has_body = request.body != nullptr && length != 0;
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::read_body;
  const std::int32_t id = nghttp2_submit_request(session_, nullptr, block.data(), block.size(),
                                                 has_body ? &provider : nullptr, &stream);
  if (id < 0) return fail(ErrorKind::overloaded, Reason::at_limit, "upstream streams");
  stream.id = id;
  streams_.push_back(stream);
  return {};
}

void H2ClientSession::offer(H2ClientStream& stream, std::span<const std::byte> piece, bool ends) {
  stream.outgoing = piece;
  stream.outgoing_ends = ends;
  if (!piece.empty()) stream.taken.reset();
  if (std::exchange(stream.deferred, false) && !stream.closed)
    nghttp2_session_resume_data(session_, stream.id);
}

void H2ClientSession::consumed(H2ClientStream& stream, std::size_t bytes) {
  if (!stream.closed) nghttp2_session_consume_stream(session_, stream.id, bytes);
}

void H2ClientSession::drop(H2ClientStream& stream, H2Drop why) {
  if (!stream.linked()) return;
  stream.unlink();
  stream.outgoing = {};
  if (stream.closed) return;
  nghttp2_session_set_stream_user_data(session_, stream.id, nullptr);
  reset(stream, why == H2Drop::not_needed ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
}

void H2ClientSession::reset(H2ClientStream& stream, std::uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, code);
}

void H2ClientSession::fail_all(const Error& error) {
  streams_.for_each([&](H2ClientStream& stream) {
    // Whose requests it is may be gone when nghttp2 speaks of them next.
    if (!stream.closed) nghttp2_session_set_stream_user_data(session_, stream.id, nullptr);
    stream.closed = true;
    if (!stream.ended) stream.fail(error);
    stream.changed.set();
    stream.taken.set();
  });
}

void H2ClientSession::on_head(H2ClientStream& stream, bool ends) {
  if (!stream.head_complete) {
    if (stream.head.status / 100 == 1) {
      if (++stream.interims > limits_.interim_max) {
        stream.fail(malformed("interim_response"));
        reset(stream, NGHTTP2_PROTOCOL_ERROR);
      }
      return;
    }
    stream.head_complete = true;
    if (const auto length = stream.head.headers.get("content-length")) stream.length = number_of(*length);
  }
  if (ends) stream.ended = true;
  stream.changed.set();
}

bool H2ClientSession::charge_idle_frame() {
  if (++idle_frames_ <= kIdleFramesMax) return true;
  faulted_ = true;
  return false;
}

void H2ClientSession::ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }

void H2ClientSession::go_away() { nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR); }

std::uint32_t H2ClientSession::streams_allowed() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool H2ClientSession::takes_streams() const {
  return !going_away_ && nghttp2_session_check_request_allowed(session_) != 0;
}

std::optional<Error> H2ClientSession::end() const {
  if (faulted_) return malformed("HTTP/2 connection");
  if (nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0)
    return std::nullopt;
  return Error{.kind = ErrorKind::disconnected, .reason = Reason::closed, .where = "HTTP/2 connection"};
}

}  // namespace weir::http::internal

#include "weir/http/websocket.h"

#include <openssl/rand.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/core/semaphore.h"
#include "weir/core/sleep.h"
#include "weir/http/internal/websocket_frames.h"

namespace weir::http {
namespace {

using internal::WebSocketDecoder;
using internal::WebSocketFrameHead;
using internal::WebSocketOpcode;
using Mask = std::array<std::byte, 4>;

// An idle connection keeps one: small.
constexpr std::size_t kReadBytes = 4 << 10;
// What is written with one write_timeout, and what a client masks at a time.
constexpr std::size_t kPieceBytes = 16 << 10;
constexpr std::size_t kReasonMax = 123;
// What a message's buffer keeps for the next.
constexpr std::size_t kMessageKeptMax = 16 << 10;
// Events without a wait, before others get a turn.
constexpr unsigned kEventsInARowMax = 64;

// RFC 6455 section 5.3: not to be guessed by who chooses what is masked.
Mask fresh_mask() {
  Mask mask;
  WEIR_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(mask.data()), static_cast<int>(mask.size())) == 1,
             "no randomness");
  return mask;
}

Error closed_error() {
  return {.kind = ErrorKind::disconnected, .reason = Reason::closed, .where = "websocket"};
}

// A frame that holds no message.
class ControlFrame {
 public:
  void set(WebSocketOpcode opcode, std::span<const std::byte> payload) {
    opcode_ = opcode;
    size_ = payload.size();
    std::ranges::copy(payload, payload_.begin());
  }
  void set_close(std::uint16_t code, std::string_view reason) {
    opcode_ = WebSocketOpcode::close;
    size_ = 0;
    if (code == WebSocketClose::no_code) return;
    payload_[0] = static_cast<std::byte>(code >> 8);
    payload_[1] = static_cast<std::byte>(code & 0xFF);
    const auto text = std::as_bytes(std::span(reason.substr(0, kReasonMax)));
    std::ranges::copy(text, payload_.begin() + 2);
    size_ = 2 + text.size();
  }

  bool is_close() const { return opcode_ == WebSocketOpcode::close; }
  // As it goes out.
  std::span<const std::byte> wire(WebSocketSide side) {
    const std::optional<Mask> mask =
        side == WebSocketSide::client ? std::optional(fresh_mask()) : std::nullopt;
    const WebSocketFrameHead head(opcode_, true, size_, mask);
    std::ranges::copy(head.bytes(), wire_.begin());
    const auto payload = std::span(wire_).subspan(head.bytes().size(), size_);
    std::ranges::copy(std::span(payload_).first(size_), payload.begin());
    if (mask) internal::apply_mask(payload, *mask, 0);
    return std::span(wire_).first(head.bytes().size() + size_);
  }

 private:
  WebSocketOpcode opcode_ = WebSocketOpcode::pong;
  std::size_t size_ = 0;
  std::array<std::byte, 125> payload_;
  std::array<std::byte, 139> wire_;
};

}  // namespace

struct WebSocket::State {
  State(ByteStream& bytes, WebSocketSide of, const Options& given)
      : stream(bytes),
        side(of),
        options(given),
        decoder(of, {.frame = given.frame_max, .message = given.message_max}),
        writing({.units = 1, .waiters_max = given.senders_max}) {}

  core::task<Result<>> fill(core::Context& context);
  core::task<Result<>> send_frame(core::Context& context, WebSocketOpcode opcode,
                                  std::span<const std::byte> data);
  core::task<Result<>> write(core::Context& context, std::span<const net::ConstBuffer> buffers);
  core::task<Result<>> flush(core::Context& context);
  core::task<Result<>> write_pending(core::Context& context);
  core::task<Result<>> close_with(core::Context& context, std::uint16_t code, std::string_view reason);
  core::task<void> answer_close(core::Context& context);
  core::task<Error> refuse(core::Context& context);
  std::unexpected<Error> fail_for_good(const Error& error) {
    failure = error;
    return std::unexpected(error);
  }

  ByteStream& stream;
  const WebSocketSide side;
  const Options options;

  // The receiver's.
  WebSocketDecoder decoder;
  std::array<std::byte, kReadBytes> buffer;
  std::span<std::byte> unread;
  std::string message;
  bool handed_out = false;  // what is in `message`
  bool pinged = false;      // and nothing has come since
  bool peer_closed = false;
  std::optional<Error> failure;
  std::uint16_t close_code = WebSocketClose::abnormal;
  std::string close_reason;

  // Whoever holds it writes; and sends what is pending once the frame is out, so that
  // the receiver need not wait for a sender to answer a ping.
  core::Semaphore writing;
  std::vector<std::byte> masked;     // of a client: the piece on its way; the writer's
  std::mutex lock;                   // guards what follows
  std::optional<ControlFrame> pong;  // the latest ping's: earlier ones need no answer (section 5.5.3)
  std::optional<ControlFrame> ping;
  std::optional<ControlFrame> closing;
  bool close_sent = false;
  bool broken = false;  // a frame was cut off
};

WebSocket::WebSocket(ByteStream& stream, WebSocketSide side, const Options& options)
    : state_(std::make_unique<State>(stream, side, options)) {}
WebSocket::~WebSocket() = default;

std::uint16_t WebSocket::close_code() const { return state_->close_code; }
const std::string& WebSocket::close_reason() const { return state_->close_reason; }

core::task<Result<>> WebSocket::State::write(core::Context& context,
                                             std::span<const net::ConstBuffer> buffers) {
  const TimePoint deadline = saturating_add(core::now(), options.write_timeout);
  Result<> written = co_await stream.write(context, buffers, deadline);
  if (written) co_return written;
  {
    const std::lock_guard guard(lock);
    broken = true;
  }
  // The peer's time was up, not the caller's.
  if (written.error().kind == ErrorKind::deadline && deadline < context.deadline()) {
    co_return fail(ErrorKind::disconnected, Reason::timed_out, "websocket");
  }
  co_return written;
}

core::task<Result<>> WebSocket::State::send_frame(core::Context& context, WebSocketOpcode opcode,
                                                  std::span<const std::byte> data) {
  const std::optional<Mask> mask = side == WebSocketSide::client ? std::optional(fresh_mask()) : std::nullopt;
  const WebSocketFrameHead head(opcode, true, data.size(), mask);
  net::ConstBuffer first = head.bytes();
  std::size_t at = 0;
  do {
    std::span<const std::byte> piece = data.subspan(at, std::min(kPieceBytes, data.size() - at));
    if (mask) {
      masked.assign(piece.begin(), piece.end());
      internal::apply_mask(masked, *mask, at);
      piece = masked;
    }
    const std::array<net::ConstBuffer, 2> buffers{first, piece};
    if (Result<> written = co_await write(context, buffers); !written) co_return written;
    first = {};
    at += piece.size();
  } while (at < data.size());
  co_return {};
}

// With `writing`.
core::task<Result<>> WebSocket::State::write_pending(core::Context& context) {
  for (;;) {
    std::optional<ControlFrame> next;
    {
      const std::lock_guard guard(lock);
      if (broken || close_sent) co_return std::unexpected(closed_error());
      for (std::optional<ControlFrame>* each : {&pong, &ping, &closing}) {
        if (!next && each->has_value()) next = std::exchange(*each, std::nullopt);
      }
      if (!next) co_return {};
      if (next->is_close()) close_sent = true;
    }
    const net::ConstBuffer frame = next->wire(side);
    if (Result<> written = co_await write(context, {&frame, 1}); !written) co_return written;
    if (next->is_close()) co_return {};
  }
}

// What is pending goes out, now or by whoever writes. Looked at again after each
// release: what came between a writer's last look and its release is nobody else's.
core::task<Result<>> WebSocket::State::flush(core::Context& context) {
  for (;;) {
    {
      const std::lock_guard guard(lock);
      if (broken || close_sent || (!pong && !ping && !closing)) co_return {};
    }
    if (!writing.try_acquire()) co_return {};
    const Result<> written = co_await write_pending(context);
    writing.release();
    if (!written) co_return written;
  }
}

core::task<Result<>> WebSocket::send(core::Context& context, WebSocketKind kind,
                                     std::span<const std::byte> data) {
  State& state = *state_;
  if (Result<> turn = co_await state.writing.acquire(context); !turn) co_return turn;
  bool over = false;
  {
    const std::lock_guard guard(state.lock);
    over = state.broken || state.close_sent;
  }
  Result<> sent = std::unexpected(closed_error());
  if (!over) {
    const auto opcode = kind == WebSocketKind::text ? WebSocketOpcode::text : WebSocketOpcode::binary;
    sent = co_await state.send_frame(context, opcode, data);
  }
  state.writing.release();
  if (sent) (void)co_await state.flush(context);
  co_return sent;
}

core::task<Result<>> WebSocket::send_text(core::Context& context, std::string_view text) {
  return send(context, WebSocketKind::text, std::as_bytes(std::span(text)));
}

core::task<Result<>> WebSocket::State::close_with(core::Context& context, std::uint16_t code,
                                                  std::string_view reason) {
  {
    const std::lock_guard guard(lock);
    if (broken) co_return std::unexpected(closed_error());
    if (close_sent) co_return {};
    closing.emplace().set_close(code, reason);
  }
  if (Result<> turn = co_await writing.acquire(context); !turn) co_return turn;
  Result<> written = co_await write_pending(context);
  writing.release();
  const std::lock_guard guard(lock);
  if (!written && close_sent && !broken) written = {};  // another's close was first
  co_return written;
}

core::task<Result<>> WebSocket::send_close(core::Context& context, std::uint16_t code,
                                           std::string_view reason) {
  return state_->close_with(context, code, reason);
}

// The same code back (section 5.5.1).
core::task<void> WebSocket::State::answer_close(core::Context& context) {
  peer_closed = true;
  (void)co_await close_with(context, close_code, {});
}

core::task<Error> WebSocket::State::refuse(core::Context& context) {
  close_code = decoder.close_code();
  close_reason = decoder.fault();
  const bool large = close_code == WebSocketClose::too_large;
  failure = Error{.kind = ErrorKind::invalid,
                  .reason = large ? Reason::too_large : Reason::malformed,
                  .where = decoder.fault()};
  (void)co_await close_with(context, close_code, decoder.fault());
  co_return *failure;
}

// Reads once; sends a ping when nothing comes, and gives up when nothing comes then.
core::task<Result<>> WebSocket::State::fill(core::Context& context) {
  const bool quiet_ends = pinged || options.ping_after > Duration::zero();
  const TimePoint deadline =
      quiet_ends ? saturating_add(core::now(), pinged ? options.pong_timeout : options.ping_after) : kNever;
  const Result<std::size_t> got = co_await stream.read(context, buffer, deadline);
  if (got) {
    if (*got == 0) co_return fail_for_good(closed_error());
    pinged = false;
    unread = std::span(buffer).first(*got);
    co_return {};
  }
  const Error& error = got.error();
  if (error.kind == ErrorKind::cancelled) co_return std::unexpected(error);
  if (error.kind != ErrorKind::deadline) co_return fail_for_good(error);
  if (deadline >= context.deadline()) co_return std::unexpected(error);
  if (pinged) {
    co_return fail_for_good(
        {.kind = ErrorKind::disconnected, .reason = Reason::timed_out, .where = "websocket"});
  }
  pinged = true;
  {
    const std::lock_guard guard(lock);
    ping.emplace().set(WebSocketOpcode::ping, {});
  }
  if (Result<> sent = co_await flush(context); !sent) co_return fail_for_good(sent.error());
  co_return {};
}

core::task<Result<std::optional<WebSocket::Message>>> WebSocket::receive(core::Context& context) {
  using Event = WebSocketDecoder::Event;
  State& state = *state_;
  if (std::exchange(state.handed_out, false)) {
    state.message.clear();
    if (state.message.capacity() > kMessageKeptMax) state.message.shrink_to_fit();
  }
  for (unsigned events = 0;; ++events) {
    if (state.failure) co_return std::unexpected(*state.failure);
    if (state.peer_closed) co_return std::nullopt;
    if (events == kEventsInARowMax) {
      events = 0;
      co_await core::yield();
      if (Result<> going = context.check(core::now()); !going) co_return std::unexpected(going.error());
    }
    const WebSocketDecoder::Step step = state.decoder.next(state.unread);
    state.unread = state.unread.subspan(step.consumed);
    const std::string_view text(reinterpret_cast<const char*>(step.data.data()), step.data.size());
    switch (step.event) {
      case Event::piece: state.message.append(text); break;
      case Event::message_end:
        state.handed_out = true;
        co_return Message{state.decoder.kind(), std::as_bytes(std::span(state.message))};
      case Event::ping: {
        {
          const std::lock_guard guard(state.lock);
          state.pong.emplace().set(WebSocketOpcode::pong, step.data);
        }
        if (Result<> sent = co_await state.flush(context); !sent) co_return std::unexpected(sent.error());
        break;
      }
      case Event::pong: break;
      case Event::close:
        state.close_code = state.decoder.close_code();
        state.close_reason = text;
        co_await state.answer_close(context);
        break;
      case Event::refused: co_return std::unexpected(co_await state.refuse(context));
      case Event::need_more:
        if (Result<> filled = co_await state.fill(context); !filled)
          co_return std::unexpected(filled.error());
        break;
    }
  }
}

core::task<Result<>> WebSocket::close(core::Context& context, std::uint16_t code, std::string_view reason) {
  State& state = *state_;
  core::Context limited(context, saturating_add(core::now(), state.options.close_timeout));
  Result<> done = co_await state.close_with(limited, code, reason);
  while (done && !state.peer_closed) {
    const Result<std::optional<Message>> message = co_await receive(limited);
    if (!message) done = std::unexpected(message.error());
  }
  if (done) co_return done;
  state.stream.abort();
  if (done.error().kind == ErrorKind::deadline && limited.deadline() < context.deadline()) {
    co_return fail(ErrorKind::disconnected, Reason::timed_out, "websocket");
  }
  co_return done;
}

}  // namespace weir::http

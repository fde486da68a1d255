// WebSocket frames (RFC 6455 section 5): bytes into messages and control frames,
// as strictly as the standard asks, and the heads of frames that are sent.
//
// Fed like the HTTP parser: it stops at each event and says how far it came.
// Where the stream is cut makes no difference to what comes out.
//
//   WebSocketDecoder decoder(WebSocketSide::server, limits);
//   const auto step = decoder.next(unread);
//   unread = unread.subspan(step.consumed);
//   switch (step.event) { ... }
//
// Not thread-safe; allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "weir/http/internal/utf8.h"
#include "weir/http/websocket.h"

namespace weir::http::internal {

enum class WebSocketOpcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10,
};

class WebSocketDecoder {
 public:
  struct Limits {
    Bytes frame;
    Bytes message;
  };
  enum class Event : std::uint8_t {
    need_more,    // all input was consumed
    piece,        // of a message: Step::data, never empty
    message_end,  // the message is complete, as kind() says
    ping,         // Step::data: its payload, valid until the next call
    pong,         // likewise
    close,        // close_code(), and the reason in Step::data; whatever follows is passed over
    refused,      // close_code() and fault() say why; again on every later call
  };
  struct Step {
    Event event;
    std::size_t consumed;
    std::span<const std::byte> data;
  };

  // `side`: who decodes. What comes to a server is masked, to a client not.
  WebSocketDecoder(WebSocketSide side, const Limits& limits) : side_(side), limits_(limits) {}

  // Takes off the mask in place: what was consumed of `input` is changed.
  Step next(std::span<std::byte> input);

  WebSocketKind kind() const { return kind_; }
  std::uint16_t close_code() const { return close_code_; }
  std::string_view fault() const { return fault_; }

 private:
  static constexpr std::size_t kHeadMax = 14;
  static constexpr std::size_t kControlMax = 125;

  enum class Stage : std::uint8_t { head, payload, closed, refused };

  bool read_head(std::span<const std::byte> input, std::size_t& at);
  bool check_first_bytes();
  bool on_head();
  Step read_data(std::span<std::byte> input, std::size_t at);
  Step on_control(std::size_t consumed);
  Step on_close(std::size_t consumed);
  Step refuse(std::uint16_t code, std::string_view fault, std::size_t consumed);
  bool refuse_head(std::uint16_t code, std::string_view fault);
  void unmask(std::span<std::byte> bytes);

  bool is_control() const { return (opcode_ & 8) != 0; }

  const WebSocketSide side_;
  const Limits limits_;
  Stage stage_ = Stage::head;

  std::array<std::byte, kHeadMax> head_;
  std::size_t head_have_ = 0;
  std::size_t head_need_ = 2;
  std::uint8_t opcode_ = 0;
  bool final_ = false;
  std::uint64_t remaining_ = 0;  // of the frame's payload
  std::array<std::byte, 4> mask_{};
  std::size_t mask_at_ = 0;

  bool in_message_ = false;
  WebSocketKind kind_ = WebSocketKind::binary;
  std::uint64_t message_bytes_ = 0;
  Utf8Check utf8_;

  std::array<std::byte, kControlMax> control_;
  std::size_t control_have_ = 0;
  std::uint16_t close_code_ = 0;
  std::string_view fault_;
};

// Codes that may stand in a close frame (RFC 6455 section 7.4).
bool is_close_code(std::uint16_t code);

// The head of a frame, and the mask in it. `mask`: of a client's frame.
class WebSocketFrameHead {
 public:
  WebSocketFrameHead(WebSocketOpcode opcode, bool final, std::uint64_t bytes,
                     std::optional<std::array<std::byte, 4>> mask);
  std::span<const std::byte> bytes() const { return std::span(bytes_).first(size_); }

 private:
  std::array<std::byte, 14> bytes_;
  std::size_t size_ = 0;
};

// Puts the mask on, or takes it off; `at`: where in the payload `bytes` begin.
void apply_mask(std::span<std::byte> bytes, const std::array<std::byte, 4>& mask, std::size_t at);

}  // namespace weir::http::internal

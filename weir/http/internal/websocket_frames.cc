#include "weir/http/internal/websocket_frames.h"

#include <algorithm>
#include <cstring>

namespace weir::http::internal {
namespace {

using Code = WebSocketClose;

constexpr std::uint8_t kFinal = 0x80;
constexpr std::uint8_t kReserved = 0x70;
constexpr std::uint8_t kOpcode = 0x0F;
constexpr std::uint8_t kMasked = 0x80;
constexpr std::uint8_t kLength = 0x7F;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;

std::uint64_t big_endian(std::span<const std::byte> bytes) {
  std::uint64_t number = 0;
  for (const std::byte byte : bytes) number = number << 8 | static_cast<std::uint8_t>(byte);
  return number;
}

bool is_known(std::uint8_t opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

}  // namespace

bool is_close_code(std::uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

void apply_mask(std::span<std::byte> bytes, const std::array<std::byte, 4>& mask, std::size_t at) {
  std::array<std::byte, 8> turned;
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = mask[(at + i) % mask.size()];
  std::uint64_t key;
  std::memcpy(&key, turned.data(), sizeof key);
  std::size_t done = 0;
  for (; done + sizeof key <= bytes.size(); done += sizeof key) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + done, sizeof word);
    word ^= key;
    std::memcpy(bytes.data() + done, &word, sizeof word);
  }
  for (; done < bytes.size(); ++done) bytes[done] ^= turned[done % turned.size()];
}

WebSocketDecoder::Step WebSocketDecoder::refuse(std::uint16_t code, std::string_view fault,
                                                std::size_t consumed) {
  stage_ = Stage::refused;
  close_code_ = code;
  fault_ = fault;
  return {Event::refused, consumed, {}};
}

bool WebSocketDecoder::refuse_head(std::uint16_t code, std::string_view fault) {
  refuse(code, fault, 0);
  return false;
}

WebSocketDecoder::Step WebSocketDecoder::next(std::span<std::byte> input) {
  std::size_t at = 0;
  for (;;) {
    switch (stage_) {
      case Stage::refused: return {Event::refused, at, {}};
      case Stage::closed: return {Event::need_more, input.size(), {}};
      case Stage::head:
        if (read_head(input, at)) continue;
        if (stage_ == Stage::refused) continue;
        return {Event::need_more, at, {}};
      case Stage::payload: break;
    }
    if (!is_control()) {
      const Step step = read_data(input, at);
      if (step.event != Event::need_more || stage_ != Stage::head) return step;
      at = step.consumed;
      continue;
    }
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size() - at));
    std::ranges::copy(input.subspan(at, count),
                      control_.begin() + static_cast<std::ptrdiff_t>(control_have_));
    control_have_ += count;
    remaining_ -= count;
    at += count;
    if (remaining_ > 0) return {Event::need_more, at, {}};
    return on_control(at);
  }
}

// True: the head is complete.
bool WebSocketDecoder::read_head(std::span<const std::byte> input, std::size_t& at) {
  while (head_have_ < head_need_) {
    if (at == input.size()) return false;
    head_[head_have_++] = input[at++];
    if (head_have_ == 2 && !check_first_bytes()) return false;
  }
  return on_head();
}

bool WebSocketDecoder::check_first_bytes() {
  const auto first = static_cast<std::uint8_t>(head_[0]);
  const auto second = static_cast<std::uint8_t>(head_[1]);
  const std::uint8_t length = second & kLength;
  opcode_ = first & kOpcode;
  final_ = (first & kFinal) != 0;
  if ((first & kReserved) != 0) return refuse_head(Code::protocol_error, "reserved bits");
  if (!is_known(opcode_)) return refuse_head(Code::protocol_error, "opcode");
  if (is_control() && !final_) return refuse_head(Code::protocol_error, "a control frame in fragments");
  if (is_control() && length > kControlMax) return refuse_head(Code::protocol_error, "a long control frame");
  const bool continues = opcode_ == 0;
  if (!is_control() && continues != in_message_) {
    return refuse_head(Code::protocol_error, continues ? "nothing to continue" : "a message in a message");
  }
  const bool masked = (second & kMasked) != 0;
  if (masked != (side_ == WebSocketSide::server)) {
    return refuse_head(Code::protocol_error, masked ? "masked" : "not masked");
  }
  head_need_ = 2u + (length == kLength16 ? 2u : length == kLength64 ? 8u : 0u) + (masked ? 4u : 0u);
  return true;
}

bool WebSocketDecoder::on_head() {
  std::span<const std::byte> rest = std::span(head_).subspan(2);
  remaining_ = static_cast<std::uint8_t>(head_[1]) & kLength;
  if (remaining_ >= kLength16) {
    const bool wide = remaining_ == kLength64;
    const std::size_t size = wide ? 8 : 2;
    remaining_ = big_endian(rest.first(size));
    rest = rest.subspan(size);
    // The shortest form, and no number that has a sign.
    const std::uint64_t least = wide ? 65'536 : kLength16;
    if (remaining_ < least || remaining_ >> 63 != 0) {
      return refuse_head(Code::protocol_error, "length of a frame");
    }
  }
  if (side_ == WebSocketSide::server) std::ranges::copy(rest.first(4), mask_.begin());
  mask_at_ = 0;
  head_have_ = 0;
  head_need_ = 2;
  stage_ = Stage::payload;
  if (is_control()) {
    control_have_ = 0;
    return true;
  }
  if (opcode_ != 0) {
    in_message_ = true;
    kind_ = opcode_ == 1 ? WebSocketKind::text : WebSocketKind::binary;
    message_bytes_ = 0;
    utf8_.reset();
  }
  if (remaining_ > limits_.frame.count) return refuse_head(Code::too_large, "frame");
  if (remaining_ > limits_.message.count - message_bytes_) return refuse_head(Code::too_large, "message");
  message_bytes_ += remaining_;
  return true;
}

void WebSocketDecoder::unmask(std::span<std::byte> bytes) {
  if (side_ != WebSocketSide::server) return;
  apply_mask(bytes, mask_, mask_at_);
  mask_at_ = (mask_at_ + bytes.size()) % mask_.size();
}

WebSocketDecoder::Step WebSocketDecoder::read_data(std::span<std::byte> input, std::size_t at) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size() - at));
  if (count > 0) {
    const std::span<std::byte> piece = input.subspan(at, count);
    unmask(piece);
    remaining_ -= count;
    if (kind_ == WebSocketKind::text && !utf8_.feed(piece)) {
      return refuse(Code::invalid_text, "text", at + count);
    }
    return {Event::piece, at + count, piece};
  }
  if (remaining_ > 0) return {Event::need_more, at, {}};
  stage_ = Stage::head;
  if (!final_) return {Event::need_more, at, {}};
  in_message_ = false;
  if (kind_ == WebSocketKind::text && !utf8_.complete()) return refuse(Code::invalid_text, "text", at);
  return {Event::message_end, at, {}};
}

WebSocketDecoder::Step WebSocketDecoder::on_control(std::size_t consumed) {
  unmask(std::span(control_).first(control_have_));
  stage_ = Stage::head;
  if (opcode_ == static_cast<std::uint8_t>(WebSocketOpcode::close)) return on_close(consumed);
  const bool ping = opcode_ == static_cast<std::uint8_t>(WebSocketOpcode::ping);
  return {ping ? Event::ping : Event::pong, consumed, std::span(control_).first(control_have_)};
}

WebSocketDecoder::Step WebSocketDecoder::on_close(std::size_t consumed) {
  const std::span<const std::byte> payload = std::span(control_).first(control_have_);
  close_code_ = Code::no_code;
  if (payload.empty()) {
    stage_ = Stage::closed;
    return {Event::close, consumed, {}};
  }
  if (payload.size() < 2) return refuse(Code::protocol_error, "half a close code", consumed);
  const auto code = static_cast<std::uint16_t>(big_endian(payload.first(2)));
  if (!is_close_code(code)) return refuse(Code::protocol_error, "close code", consumed);
  Utf8Check reason;
  if (!reason.feed(payload.subspan(2)) || !reason.complete()) {
    return refuse(Code::invalid_text, "reason of a close", consumed);
  }
  stage_ = Stage::closed;
  close_code_ = code;
  return {Event::close, consumed, payload.subspan(2)};
}

WebSocketFrameHead::WebSocketFrameHead(WebSocketOpcode opcode, bool final, std::uint64_t bytes,
                                       std::optional<std::array<std::byte, 4>> mask) {
  const auto put = [this](std::uint64_t byte) { bytes_[size_++] = static_cast<std::byte>(byte & 0xFF); };
  const auto put_number = [&put](std::uint64_t number, int width) {
    for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) put(number >> shift);
  };
  const std::uint8_t masked = mask ? kMasked : 0;
  put((final ? kFinal : 0) | static_cast<std::uint8_t>(opcode));
  if (bytes < kLength16) {
    put(masked | bytes);
  } else if (bytes < 65'536) {
    put(masked | kLength16);
    put_number(bytes, 2);
  } else {
    put(masked | kLength64);
    put_number(bytes, 8);
  }
  if (mask) {
    for (const std::byte byte : *mask) bytes_[size_++] = byte;
  }
}

}  // namespace weir::http::internal

// Any bytes as WebSocket frames: what comes out does not depend on where the
// stream is cut, keeps to the limits, and text is UTF-8.
//
// The first byte chooses the side, the second the cuts.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "weir/http/internal/utf8.h"
#include "weir/http/internal/websocket_frames.h"

namespace weir::http::internal {
namespace {

constexpr WebSocketDecoder::Limits kLimits{.frame = Bytes{300}, .message = Bytes{500}};

struct Decoded {
  std::string text;  // of whole messages and control frames
  std::uint16_t refused = 0;
};

void check_message(WebSocketKind kind, const std::string& message) {
  if (message.size() > kLimits.message.count) std::abort();
  if (kind != WebSocketKind::text) return;
  Utf8Check utf8;
  if (!utf8.feed(std::as_bytes(std::span(message))) || !utf8.complete()) std::abort();
}

template <typename Cut>
Decoded decode(std::vector<std::byte> wire, WebSocketSide side, Cut cut) {
  using Event = WebSocketDecoder::Event;
  WebSocketDecoder decoder(side, kLimits);
  Decoded out;
  std::string message;
  std::size_t begin = 0;
  std::size_t end = 0;
  for (;;) {
    const WebSocketDecoder::Step step = decoder.next(std::span(wire).subspan(begin, end - begin));
    if (step.consumed > end - begin) std::abort();
    begin += step.consumed;
    const std::string_view data(reinterpret_cast<const char*>(step.data.data()), step.data.size());
    switch (step.event) {
      case Event::need_more:
        if (begin != end) std::abort();
        if (end == wire.size()) return out;
        end = std::min(end + cut(), wire.size());
        break;
      case Event::piece:
        if (data.empty()) std::abort();
        message += data;
        break;
      case Event::message_end:
        check_message(decoder.kind(), message);
        out.text += '[' + message + ']';
        message.clear();
        break;
      case Event::ping:
      case Event::pong:
        if (data.size() > 125) std::abort();
        out.text.append("<").append(data).append(">");
        break;
      case Event::close:
        if (decoder.close_code() != WebSocketClose::no_code && !is_close_code(decoder.close_code()))
          std::abort();
        out.text.append("close ").append(std::to_string(decoder.close_code())).append(data);
        break;
      case Event::refused: out.refused = decoder.close_code(); return out;
    }
  }
}

void compare(const Decoded& whole, const Decoded& cut) {
  if (whole.text == cut.text && whole.refused == cut.refused) return;
  std::cerr << "cuts change what is read\n"
            << whole.text << " " << whole.refused << "\n"
            << cut.text << " " << cut.refused << "\n";
  std::abort();
}

}  // namespace
}  // namespace weir::http::internal

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::http;
  using namespace weir::http::internal;
  if (size < 2) return 0;
  const WebSocketSide side = (data[0] & 1) != 0 ? WebSocketSide::client : WebSocketSide::server;
  std::uint32_t state = data[1];
  const auto pseudo_random = [&state]() -> std::size_t {
    state = state * 1'664'525 + 1'013'904'223;
    return 1 + (state >> 24) % 32;
  };
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const std::vector<std::byte> wire(bytes + 2, bytes + size);
  const Decoded whole = decode(wire, side, [&wire] { return wire.size() + 1; });
  compare(whole, decode(wire, side, pseudo_random));
  compare(whole, decode(wire, side, [] { return std::size_t{1}; }));
  return 0;
}

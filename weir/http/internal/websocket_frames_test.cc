#include "weir/http/internal/websocket_frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::http::internal {
namespace {

using Event = WebSocketDecoder::Event;

constexpr WebSocketDecoder::Limits kLimits{.frame = Bytes{1000}, .message = Bytes{2000}};

std::string frame(std::uint8_t first, std::string_view payload, bool masked = true) {
  const std::array<std::byte, 4> mask{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  const WebSocketFrameHead head(static_cast<WebSocketOpcode>(first & 0x0F), (first & 0x80) != 0,
                                payload.size(), masked ? std::optional(mask) : std::nullopt);
  std::string wire(reinterpret_cast<const char*>(head.bytes().data()), head.bytes().size());
  wire[0] = static_cast<char>(first);
  std::string body(payload);
  if (masked) apply_mask(std::as_writable_bytes(std::span(body)), mask, 0);
  return wire + body;
}

// What comes out of `wire`, fed `cut` bytes at a time.
std::string decode(std::string wire, WebSocketSide side = WebSocketSide::server, std::size_t cut = 1 << 20) {
  WebSocketDecoder decoder(side, kLimits);
  std::string out;
  std::size_t begin = 0;
  std::size_t end = 0;
  for (;;) {
    const auto unread = std::as_writable_bytes(std::span(wire)).subspan(begin, end - begin);
    const WebSocketDecoder::Step step = decoder.next(unread);
    begin += step.consumed;
    const std::string_view data(reinterpret_cast<const char*>(step.data.data()), step.data.size());
    switch (step.event) {
      case Event::need_more:
        if (end == wire.size()) return out;
        end = std::min(end + cut, wire.size());
        break;
      case Event::piece: out += data; break;
      case Event::message_end: out += decoder.kind() == WebSocketKind::text ? "<text>" : "<binary>"; break;
      case Event::ping: out.append("<ping ").append(data).append(">"); break;
      case Event::pong: out.append("<pong ").append(data).append(">"); break;
      case Event::close:
        out.append("<close ")
            .append(std::to_string(decoder.close_code()))
            .append(" ")
            .append(data)
            .append(">");
        break;
      case Event::refused:
        return out.append("<refused ").append(std::to_string(decoder.close_code())).append(">");
    }
  }
}

void expect_decoded(const std::string& wire, std::string_view expected) {
  for (const std::size_t cut : {std::size_t{1}, std::size_t{3}, std::size_t{1} << 20}) {
    const std::string out = decode(wire, WebSocketSide::server, cut);
    // Where text is cut, the part before the fault may have come out or not.
    if (expected.starts_with("...")) {
      EXPECT_TRUE(out.ends_with(expected.substr(3))) << cut << ": " << out;
    } else {
      EXPECT_EQ(out, expected) << cut;
    }
  }
}

TEST(WebSocketFrames, MessagesWholeAndInFragmentsWithControlFramesBetween) {
  expect_decoded(frame(0x81, "hello"), "hello<text>");
  expect_decoded(frame(0x82, ""), "<binary>");
  expect_decoded(
      frame(0x01, "hel") + frame(0x89, "now") + frame(0x00, "") + frame(0x80, "lo") + frame(0x8A, ""),
      "hel<ping now>lo<text><pong >");
  expect_decoded(frame(0x82, std::string(1000, 'x')), std::string(1000, 'x') + "<binary>");
}

TEST(WebSocketFrames, OfAnExampleInTheStandard) {
  // RFC 6455 section 5.7.
  EXPECT_EQ(decode("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "Hello<text>");
  EXPECT_EQ(decode("\x81\x05Hello", WebSocketSide::client), "Hello<text>");
}

TEST(WebSocketFrames, WhatIsNoFrameIsRefusedWith1002) {
  const std::string refused = "<refused 1002>";
  expect_decoded(frame(0xC1, "x"), refused);                                      // a reserved bit
  expect_decoded(frame(0x83, "x"), refused);                                      // no such opcode
  expect_decoded(frame(0x8B, "x"), refused);                                      // likewise
  expect_decoded(frame(0x81, "x", false), refused);                               // not masked
  expect_decoded(frame(0x09, "x"), refused);                                      // a ping in fragments
  expect_decoded(frame(0x89, std::string(126, 'x')), refused);                    // a long ping
  expect_decoded(frame(0x80, "x"), refused);                                      // nothing to continue
  expect_decoded(frame(0x01, "x") + frame(0x81, "y"), "x" + refused);             // a message in a message
  expect_decoded(std::string("\x82\xFE\0\x7D", 4) + std::string(4, 0), refused);  // 125 in the longer form
  expect_decoded(std::string("\x82\xFF\0\0\0\0\0\0\xFF\xFF", 10) + std::string(4, 0), refused);
  expect_decoded(std::string("\x82\xFF\x80\0\0\0\0\0\0\0", 10) + std::string(4, 0), refused);
  EXPECT_EQ(decode(frame(0x81, "x"), WebSocketSide::client), refused);  // masked
}

TEST(WebSocketFrames, WhatIsTooLargeIsRefusedBeforeItComes) {
  expect_decoded(frame(0x82, std::string(1001, 'x')).substr(0, 8), "<refused 1009>");
  const std::string part(900, 'x');
  expect_decoded(frame(0x02, part) + frame(0x00, part) + frame(0x80, part).substr(0, 8),
                 part + part + "<refused 1009>");
}

TEST(WebSocketFrames, TextIsUtf8AcrossFragments) {
  expect_decoded(frame(0x01, "\xF0\x9F") + frame(0x80, "\x98\x80"), "\xF0\x9F\x98\x80<text>");
  for (const char* wrong : {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF", "\x80", "\xE2\x28\xA1"}) {
    expect_decoded(frame(0x81, wrong), "...<refused 1007>");
    expect_decoded(frame(0x82, wrong), std::string(wrong) + "<binary>");
  }
  expect_decoded(frame(0x81, "ok \xE2\x82"), "...<refused 1007>");  // ends within a character
}

TEST(WebSocketFrames, ACloseSaysWhyAndIsTheLast) {
  expect_decoded(frame(0x88,
                       "\x03\xE8"
                       "bye") +
                     frame(0x81, "more"),
                 "<close 1000 bye>");
  expect_decoded(frame(0x88, ""), "<close 1005 >");
  expect_decoded(frame(0x88, "\x03"), "<refused 1002>");
  expect_decoded(frame(0x88, "\x03\xED"), "<refused 1002>");      // 1005 is never sent
  expect_decoded(frame(0x88, "\x0B\xB7"), "<refused 1002>");      // 2999
  expect_decoded(frame(0x88, "\x0F\xA0\xFF"), "<refused 1007>");  // 4000, and a reason that is no text
}

}  // namespace
}  // namespace weir::http::internal

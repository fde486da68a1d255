#include "weir/net/proxy_protocol.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::net {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string version2(std::uint8_t command, std::uint8_t family, std::string_view payload) {
  std::string header(kSignature);
  header += static_cast<char>(command);
  header += static_cast<char>(family);
  header += static_cast<char>(payload.size() >> 8);
  header += static_cast<char>(payload.size() & 0xFF);
  return header.append(payload);
}

const std::string kInet4("\xC0\x00\x02\x01\x0A\x00\x00\x01\x30\x39\x01\xBB", 12);  // 192.0.2.1:12345
std::string inet6() {
  std::string bytes("\x20\x01\x0d\xb8", 4);
  bytes += std::string(11, '\0') + '\x01' + std::string(15, '\0') + '\x02';
  return bytes + std::string("\x30\x39\x01\xBB", 4);
}

// What is read of `stream`: "<address>", "own", "refused" or "cut", and how much of
// it was taken.
struct Taken {
  std::string what;
  std::size_t bytes = 0;

  bool operator==(const Taken&) const = default;
};

Taken take(std::string_view stream, std::size_t cut = ProxyHeader::kPieceMax) {
  ProxyHeader header;
  std::size_t at = 0;
  while (const std::size_t wanted = header.wanted()) {
    const std::size_t count = std::min({wanted, cut, stream.size() - at});
    if (count == 0) return {"cut", at};
    const bool good = header.feed(std::as_bytes(std::span(stream.substr(at, count))));
    at += count;
    if (!good) return {"refused", at};
  }
  return {header.client() ? header.client()->to_string() : "own", at};
}

void expect_taken(std::string_view header, std::string_view what) {
  const std::string stream = std::string(header) + "GET / HTTP/1.1\r\n";
  for (const std::size_t cut : {std::size_t{1}, std::size_t{5}, ProxyHeader::kPieceMax}) {
    EXPECT_EQ(take(stream, cut).what, what) << header;
    EXPECT_EQ(take(stream, cut).bytes, header.size()) << header;
  }
}

TEST(ProxyHeader, OfVersion1) {
  expect_taken("PROXY TCP4 192.0.2.1 10.0.0.1 12345 443\r\n", "192.0.2.1:12345");
  expect_taken("PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n", "1.1.1.1:1");
  expect_taken("PROXY TCP6 2001:db8::1 2001:db8::2 12345 443\r\n", "[2001:db8::1]:12345");
  expect_taken("PROXY UNKNOWN\r\n", "own");
  expect_taken(
      "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
      "65535\r\n",
      "own");
}

TEST(ProxyHeader, OfVersion2) {
  expect_taken(version2(0x21, 0x11, kInet4), "192.0.2.1:12345");
  expect_taken(version2(0x21, 0x21, inet6()), "[2001:db8::1]:12345");
  expect_taken(version2(0x21, 0x11, kInet4 + std::string(900, 't')), "192.0.2.1:12345");  // TLVs
  expect_taken(version2(0x20, 0x00, ""), "own");
  expect_taken(version2(0x20, 0x11, kInet4), "own");
  expect_taken(version2(0x21, 0x00, "anything"), "own");
  expect_taken(version2(0x21, 0x31, std::string(216, 'p')), "own");
}

TEST(ProxyHeader, WhatIsNotExactlyOneIsRefused) {
  for (const std::string& stream : {
           std::string("GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
           std::string("PROXX TCP4 1.1.1.1 1.1.1.1 1 1\r\n"),
           std::string("PROXY  TCP4 1.1.1.1 1.1.1.1 1 1\r\n"),
           std::string("proxy tcp4 1.1.1.1 1.1.1.1 1 1\r\n"),
           std::string("PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n"),
           std::string("PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n"),
           std::string("PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n"),
           std::string("PROXY TCP4 1.1.1.1 1.1.1.1 1  1\r\n"),
           std::string("PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n"),
           std::string("PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n"),
           std::string("PROXY TCP4 1.1.1.256 1.1.1.1 1 1\r\n"),
           std::string("PROXY TCP4 localhost 1.1.1.1 1 1\r\n"),
           std::string("PROXY TCP4 ::1 ::1 1 1\r\n"),
           std::string("PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n"),
           std::string("PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n"),
           "PROXY UNKNOWN " + std::string(100, 'x') + "\r\n",
           version2(0x11, 0x11, kInet4),                // another version
           version2(0x22, 0x11, kInet4),                // no such command
           version2(0x21, 0x12, kInet4),                // UDP
           version2(0x21, 0x41, kInet4),                // no such family
           version2(0x21, 0x11, kInet4.substr(0, 11)),  // half an address
           version2(0x21, 0x21, kInet4),
           version2(0x21, 0x11, kInet4 + std::string(5000, 't')),
       }) {
    EXPECT_EQ(take(stream).what, "refused") << stream;
    EXPECT_EQ(take(stream, 1).what, "refused") << stream;
  }
}

TEST(ProxyHeader, OfWhichTheEndHasNotComeWaits) {
  const std::string header = version2(0x21, 0x11, kInet4);
  for (std::size_t size = 0; size < header.size(); ++size)
    EXPECT_EQ(take(header.substr(0, size)).what, "cut");
  EXPECT_EQ(take("PROXY TCP4 192.0.2.1 10.0.0.1 12345 443\r").what, "cut");
}

}  // namespace
}  // namespace weir::net

#include "weir/net/proxy_protocol.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

namespace weir::net {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view kShortestLine = "PROXY UNKNOWN\r\n";
// Version 2: what is asked for, and of which family the addresses are.
constexpr std::uint8_t kLocal = 0x20;
constexpr std::uint8_t kProxy = 0x21;
constexpr std::uint8_t kUnspecified = 0x00;
constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;
constexpr std::uint8_t kUnixStream = 0x31;
constexpr std::size_t kInet4Bytes = 12;
constexpr std::size_t kInet6Bytes = 36;

std::uint8_t number(std::byte byte) { return static_cast<std::uint8_t>(byte); }

// "0" to "65535" without a leading zero.
std::optional<std::uint16_t> port_of(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port > 65'535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

std::optional<SocketAddress> address_of(std::string_view host, std::string_view port, bool is_ipv6) {
  const auto value = port_of(port);
  if (!value || host == "localhost" || (host.find(':') != std::string_view::npos) != is_ipv6)
    return std::nullopt;
  const std::string text = is_ipv6 ? "[" + std::string(host) + "]:0" : std::string(host) + ":0";
  const Result<SocketAddress> address = SocketAddress::parse(text);
  if (!address) return std::nullopt;
  return address->with_port(*value);
}

}  // namespace

std::size_t ProxyHeader::wanted() const {
  switch (stage_) {
    // Neither version has a shorter header.
    case Stage::prefix: return kShortestLine.size() - have_;
    // After the CR only the LF is missing; before it at least both.
    case Stage::line: return bytes_[have_ - 1] == std::byte{'\r'} ? 1 : 2;
    case Stage::head: return kHeadBytes - have_;
    case Stage::payload: return std::min(payload_ - have_, kPieceMax);
    case Stage::done:
    case Stage::broken: break;
  }
  return 0;
}

bool ProxyHeader::feed(std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) {
    if (stage_ == Stage::done || stage_ == Stage::broken || !feed_byte(byte)) {
      stage_ = Stage::broken;
      client_.reset();
      return false;
    }
  }
  return true;
}

bool ProxyHeader::feed_byte(std::byte byte) {
  if (have_ < bytes_.size()) bytes_[have_] = byte;
  ++have_;
  switch (stage_) {
    case Stage::prefix: return on_prefix();
    case Stage::line: return on_line();
    case Stage::head: return have_ < kHeadBytes || on_head();
    case Stage::payload: return have_ < payload_ || on_payload();
    case Stage::done:
    case Stage::broken: break;
  }
  return false;
}

bool ProxyHeader::on_prefix() {
  const std::string_view text(reinterpret_cast<const char*>(bytes_.data()), have_);
  if (text == kSignature) {
    stage_ = Stage::head;
    return true;
  }
  constexpr std::string_view kBegin = "PROXY ";
  if (text[0] == 'P') {
    if (!kBegin.starts_with(text.substr(0, kBegin.size()))) return false;
    if (have_ == kShortestLine.size()) {
      stage_ = Stage::line;
      return text.find('\n') == std::string_view::npos || on_line();
    }
    return true;
  }
  return kSignature.starts_with(text);
}

bool ProxyHeader::on_line() {
  std::string_view line(reinterpret_cast<const char*>(bytes_.data()), have_);
  if (!line.ends_with('\n')) return have_ < kLineMax;
  if (!line.ends_with("\r\n")) return false;
  line.remove_suffix(2);
  if (line.find_first_of("\r\n") != std::string_view::npos) return false;
  stage_ = Stage::done;
  // Whatever follows UNKNOWN is to be passed over.
  if (line == "PROXY UNKNOWN" || line.starts_with("PROXY UNKNOWN ")) return true;
  const bool is_ipv6 = line.starts_with("PROXY TCP6 ");
  if (!is_ipv6 && !line.starts_with("PROXY TCP4 ")) return false;
  line.remove_prefix(11);
  std::array<std::string_view, 4> words;  // source, destination, their ports
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t end = i + 1 < words.size() ? line.find(' ') : line.size();
    if (end == std::string_view::npos) return false;
    words[i] = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  client_ = address_of(words[0], words[2], is_ipv6);
  return client_ && address_of(words[1], words[3], is_ipv6);
}

bool ProxyHeader::on_head() {
  const std::uint8_t command = number(bytes_[12]);
  family_ = number(bytes_[13]);
  local_ = command == kLocal;
  if (!local_ && command != kProxy) return false;
  const bool known =
      family_ == kUnspecified || family_ == kTcp4 || family_ == kTcp6 || family_ == kUnixStream;
  if (!local_ && !known) return false;
  payload_ = static_cast<std::size_t>(number(bytes_[14])) << 8 | number(bytes_[15]);
  if (payload_ > kPayloadMax) return false;
  have_ = 0;
  stage_ = Stage::payload;
  return payload_ > 0 || on_payload();
}

// The addresses stand at its begin: source, destination, their ports.
bool ProxyHeader::on_payload() {
  stage_ = Stage::done;
  if (local_) return true;
  if (family_ == kTcp4) {
    if (payload_ < kInet4Bytes) return false;
    sockaddr_in native{};
    native.sin_family = AF_INET;
    std::memcpy(&native.sin_addr, bytes_.data(), sizeof native.sin_addr);
    std::memcpy(&native.sin_port, bytes_.data() + 8, sizeof native.sin_port);
    client_ = SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), sizeof native);
  } else if (family_ == kTcp6) {
    if (payload_ < kInet6Bytes) return false;
    sockaddr_in6 native{};
    native.sin6_family = AF_INET6;
    std::memcpy(&native.sin6_addr, bytes_.data(), sizeof native.sin6_addr);
    std::memcpy(&native.sin6_port, bytes_.data() + 32, sizeof native.sin6_port);
    client_ = SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), sizeof native);
  }
  return true;
}

core::task<Result<std::optional<SocketAddress>>> read_proxy_header(core::Context& context, Socket& socket,
                                                                   TimePoint deadline) {
  ProxyHeader header;
  std::array<std::byte, ProxyHeader::kPieceMax> buffer;
  while (const std::size_t wanted = header.wanted()) {
    const Result<std::size_t> got = co_await socket.read(context, std::span(buffer).first(wanted), deadline);
    if (!got) {
      const bool too_slow = got.error().kind == ErrorKind::deadline && deadline < context.deadline();
      if (too_slow) co_return fail(ErrorKind::disconnected, Reason::timed_out, "proxy header");
      co_return std::unexpected(got.error());
    }
    if (*got == 0) co_return fail(ErrorKind::disconnected, Reason::closed, "proxy header");
    if (!header.feed(std::span(buffer).first(*got))) {
      co_return fail(ErrorKind::invalid, Reason::malformed, "proxy header");
    }
  }
  co_return header.client();
}

}  // namespace weir::net

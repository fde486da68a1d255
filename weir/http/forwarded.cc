#include "weir/http/forwarded.h"

#include <algorithm>
#include <string>

namespace weir::http {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Takes one value off the front: a token or a quoted string. False: neither.
bool take_value(std::string_view& text, std::string_view& value) {
  if (text.starts_with('"')) {
    const std::size_t end = text.find('"', 1);
    if (end == std::string_view::npos) return false;
    value = text.substr(1, end - 1);
    // An escape has no place in an address, a host or a scheme.
    if (value.find('\\') != std::string_view::npos) return false;
    text.remove_prefix(end + 1);
    return true;
  }
  const std::size_t end = std::min(text.find_first_of(",; \t"), text.size());
  value = text.substr(0, end);
  text.remove_prefix(end);
  return is_token(value);
}

void skip_blanks(std::string_view& text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
}

struct Seen {
  bool client = false;
  bool by = false;
  bool host = false;
  bool proto = false;
};

// One pair of an element. False: malformed, or its name came twice.
bool take_pair(std::string_view& text, ForwardedHop& hop, Seen& seen) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || !is_token(text.substr(0, equals))) return false;
  const std::string_view name = text.substr(0, equals);
  text.remove_prefix(equals + 1);
  std::string_view value;
  if (!take_value(text, value)) return false;
  const auto first = [](bool& flag) { return !std::exchange(flag, true); };
  if (equals_ignoring_case(name, "for")) {
    hop.client = parse_node(value);
    return first(seen.client);
  }
  if (equals_ignoring_case(name, "by")) return first(seen.by);
  if (equals_ignoring_case(name, "host")) {
    hop.host = value;
    return first(seen.host);
  }
  if (equals_ignoring_case(name, "proto")) {
    hop.proto = value;
    return first(seen.proto);
  }
  return true;
}

// Elements of one field. Empty ones are passed over, as in every list (RFC 9110
// section 5.6.1.2).
bool take_elements(std::string_view text, std::span<ForwardedHop> room, std::size_t& count, bool& full) {
  for (;;) {
    skip_blanks(text);
    if (text.empty()) return true;
    if (text.front() == ',') {
      text.remove_prefix(1);
      continue;
    }
    if (count == room.size()) return !(full = true);
    ForwardedHop& hop = room[count++] = {};
    Seen seen;
    for (;;) {
      if (!take_pair(text, hop, seen)) return false;
      skip_blanks(text);
      if (text.empty() || text.front() == ',') break;
      if (text.front() != ';') return false;
      text.remove_prefix(1);
      skip_blanks(text);
    }
  }
}

std::unexpected<Error> error(bool full, std::string_view where) {
  return fail(ErrorKind::invalid, full ? Reason::too_large : Reason::malformed, where);
}

}  // namespace

std::optional<net::SocketAddress> parse_node(std::string_view text) {
  // The longest is an IPv6 address in brackets with a port.
  if (text.empty() || text.size() > 60 || text.starts_with("localhost")) return std::nullopt;
  std::string full;
  const std::size_t colons = static_cast<std::size_t>(std::ranges::count(text, ':'));
  if (text.front() == '[') {
    full = text.back() == ']' ? std::string(text) + ":0" : std::string(text);
  } else if (colons > 1) {
    full.append("[").append(text).append("]:0");
  } else {
    full = colons == 1 ? std::string(text) : std::string(text) + ":0";
  }
  const Result<net::SocketAddress> address = net::SocketAddress::parse(full);
  if (!address) return std::nullopt;
  return *address;
}

Result<std::span<const ForwardedHop>> parse_forwarded(const Headers& headers, std::span<ForwardedHop> room) {
  std::size_t count = 0;
  bool full = false;
  for (const auto [name, value] : headers) {
    if (!equals_ignoring_case(name, "Forwarded")) continue;
    if (!take_elements(value, room, count, full)) return error(full, "Forwarded");
  }
  return room.first(count);
}

Result<std::span<const ForwardedHop>> parse_forwarded_for(const Headers& headers,
                                                          std::span<ForwardedHop> room) {
  std::size_t count = 0;
  for (const auto [name, value] : headers) {
    if (!equals_ignoring_case(name, "X-Forwarded-For")) continue;
    for (std::size_t at = 0; at <= value.size();) {
      const std::size_t comma = std::min(value.find(',', at), value.size());
      const std::string_view text = trimmed(value.substr(at, comma - at));
      at = comma + 1;
      if (text.empty()) continue;
      if (count == room.size()) return error(true, "X-Forwarded-For");
      room[count++] = {.client = parse_node(text), .host = {}, .proto = {}};
    }
  }
  return room.first(count);
}

}  // namespace weir::http

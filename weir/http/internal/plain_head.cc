#include "weir/http/internal/plain_head.h"

#include <array>
#include <charconv>
#include <cstring>

namespace weir::http::internal {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

// Less than llhttp takes in a path or a query: what RFC 3986 has there.
constexpr std::array<bool, 256> make_target_characters() {
  std::array<bool, 256> table{};
  for (char c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : std::string_view("-._~!$&'()*+,;=:@%/?")) table[static_cast<std::size_t>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kTargetCharacters = make_target_characters();

// Where the characters from ' ' to '~' end.
std::size_t end_of_text(std::string_view input, std::size_t at) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  for (; at + sizeof kEach <= input.size(); at += sizeof kEach) {
    std::uint64_t word = 0;
    std::memcpy(&word, input.data() + at, sizeof word);
    // The highest bit of a byte: that one, or one before it, is none of them.
    if ((((word - kEach * ' ') | (word + kEach)) & (kEach << 7)) != 0) break;
  }
  while (at < input.size() && input[at] >= ' ' && input[at] <= '~') ++at;
  return at;
}

// False: llhttp makes something of it that is not done here, or the parser does.
bool note(std::string_view name, std::string_view value, PlainHead& plain) {
  switch (name.size()) {
    case 4: plain.hosts += equals_ignoring_case(name, "Host") ? 1 : 0; return true;
    case 6: return !equals_ignoring_case(name, "Expect");
    case 7: return !equals_ignoring_case(name, "Upgrade");
    case 10: return !equals_ignoring_case(name, "Connection") || equals_ignoring_case(value, "keep-alive");
    case 14: {
      if (!equals_ignoring_case(name, "Content-Length")) return true;
      if (plain.length) return false;
      const char* const end = value.data() + value.size();
      const auto [stop, error] = std::from_chars(value.data(), end, plain.length.emplace());
      return stop == end && error == std::errc();
    }
    case 16: return !equals_ignoring_case(name, "Proxy-Connection");
    case 17: return !equals_ignoring_case(name, "Transfer-Encoding");
    default: return true;
  }
}

// Behind the fields and the empty line; 0: they are not plain.
std::size_t read_fields(std::string_view input, std::size_t at, const PlainLimits& limits, Headers& fields,
                        PlainHead& plain) {
  while (!input.substr(at).starts_with(kLineEnd)) {
    if (fields.size() == limits.fields) return 0;
    const std::size_t colon = input.find(':', at);
    if (colon == std::string_view::npos) return 0;
    std::size_t value = colon + 1;
    while (value < input.size() && input[value] == ' ') ++value;
    const std::size_t end = end_of_text(input, value);
    if (end == value || !input.substr(end).starts_with(kLineEnd)) return 0;
    const std::string_view name = input.substr(at, colon - at);
    const std::string_view text = input.substr(value, end - value);
    // Which takes no name but a token.
    if (!note(name, text, plain) || !fields.add(name, text)) return 0;
    at = end + kLineEnd.size();
  }
  at += kLineEnd.size();
  return at <= limits.bytes ? at : 0;
}

}  // namespace

std::optional<PlainHead> read_plain_head(std::string_view input, const PlainLimits& limits,
                                         RequestHead& head) {
  constexpr std::string_view kVersion = " HTTP/1.1\r\n";
  const std::size_t begin = head.method.size() + 1;
  if (!input.substr(begin).starts_with('/')) return std::nullopt;
  std::size_t end = begin;
  while (end < input.size() && kTargetCharacters[static_cast<unsigned char>(input[end])]) ++end;
  if (end - begin > limits.target || !input.substr(end).starts_with(kVersion)) return std::nullopt;
  PlainHead plain;
  plain.bytes = read_fields(input, end + kVersion.size(), limits, head.headers, plain);
  if (plain.bytes == 0) {
    head.headers.clear();
    return std::nullopt;
  }
  head.target.assign(input, begin, end - begin);
  return plain;
}

std::optional<PlainHead> read_plain_head(std::string_view input, const PlainLimits& limits,
                                         ResponseHead& head) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  constexpr std::size_t kReason = kVersion.size() + 4;
  if (input.size() < kReason || !input.starts_with(kVersion) || input[kReason - 1] != ' ')
    return std::nullopt;
  PlainHead plain;
  const char* const digits = input.data() + kVersion.size();
  if (std::from_chars(digits, digits + 3, plain.status).ptr != digits + 3 || plain.status < 100)
    return std::nullopt;
  const std::size_t end = end_of_text(input, kReason);
  if (end == kReason || !input.substr(end).starts_with(kLineEnd)) return std::nullopt;
  plain.bytes = read_fields(input, end + kLineEnd.size(), limits, head.headers, plain);
  // A body that lasts until the connection ends is llhttp's to find.
  if (plain.bytes == 0 || (!plain.length && !has_no_body(plain.status))) {
    head.headers.clear();
    return std::nullopt;
  }
  head.reason.assign(input, kReason, end - kReason);
  return plain;
}

}  // namespace weir::http::internal

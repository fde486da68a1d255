#include "weir/http/internal/plain_head.h"

#include <charconv>

#include "weir/http/internal/words.h"
#include "weir/http/message.h"

namespace weir::http::internal {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

constexpr std::array<bool, 256> make_table(std::string_view marks) {
  std::array<bool, 256> table{};
  for (char c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : marks) table[static_cast<std::size_t>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kTokenCharacters = make_table("!#$%&'*+-.^_`|~");
// Less than llhttp takes in a path or a query: what RFC 3986 has there.
constexpr std::array<bool, 256> kTargetCharacters = make_table("-._~!$&'()*+,;=:@%/?");

std::size_t end_of(const std::array<bool, 256>& kind, std::string_view input, std::size_t at) {
  while (at < input.size() && kind[static_cast<unsigned char>(input[at])]) ++at;
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

// False: they are not plain, or not all there.
bool read_fields(std::string_view input, std::size_t at, PlainHead& plain) {
  const std::size_t begin = at;
  while (!input.substr(at).starts_with(kLineEnd)) {
    if (plain.count == PlainHead::kFieldsMax) return false;
    const std::size_t colon = end_of(kTokenCharacters, input, end_of_letters(input, at));
    if (colon == at || colon == input.size() || input[colon] != ':') return false;
    std::size_t value = colon + 1;
    while (value < input.size() && input[value] == ' ') ++value;
    const std::size_t end = end_of_text(input, value);
    if (end == value || !input.substr(end).starts_with(kLineEnd)) return false;
    Headers::Field& field = plain.fields[plain.count++];
    field = {.name = input.substr(at, colon - at), .value = input.substr(value, end - value)};
    plain.canonical = plain.canonical && value == colon + 2 && input[end - 1] != ' ';
    if (!note(field.name, field.value, plain)) return false;
    at = end + kLineEnd.size();
  }
  plain.lines = input.substr(begin, at - begin);
  plain.bytes = at + kLineEnd.size();
  return true;
}

}  // namespace

bool is_token_character(char c) { return kTokenCharacters[static_cast<unsigned char>(c)]; }

bool read_plain_request(std::string_view input, std::size_t method, PlainHead& plain) {
  constexpr std::string_view kVersion = " HTTP/1.1\r\n";
  const std::size_t begin = method + 1;
  const std::size_t end = end_of(kTargetCharacters, input, begin);
  if (end == begin || input[begin] != '/' || !input.substr(end).starts_with(kVersion)) return false;
  plain.what = input.substr(begin, end - begin);
  return read_fields(input, end + kVersion.size(), plain);
}

bool read_plain_response(std::string_view input, PlainHead& plain) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  constexpr std::size_t kReason = kVersion.size() + 4;
  if (input.size() < kReason || !input.starts_with(kVersion) || input[kReason - 1] != ' ') return false;
  const char* const digits = input.data() + kVersion.size();
  if (std::from_chars(digits, digits + 3, plain.status).ptr != digits + 3 || plain.status < 100) return false;
  const std::size_t end = end_of_text(input, kReason);
  if (end == kReason || !input.substr(end).starts_with(kLineEnd)) return false;
  plain.what = input.substr(kReason, end - kReason);
  // A body that lasts until the connection ends is llhttp's to find.
  return read_fields(input, end + kLineEnd.size(), plain) && (plain.length || has_no_body(plain.status));
}

}  // namespace weir::http::internal

#include "weir/service/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::service {
namespace {

constexpr std::size_t kQuotedBytesMax = 60;

unsigned char byte_at(std::string_view text, std::size_t index) {
  return static_cast<unsigned char>(text[index]);
}

bool continues(std::string_view text, std::size_t index) {
  return index < text.size() && (byte_at(text, index) & 0xC0) == 0x80;
}

bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// C0 but for tab and line break, DEL, and C1 (U+0080 to U+009F).
bool is_control(std::string_view character) {
  const unsigned char first = byte_at(character, 0);
  if (character.size() == 1) return (first < 0x20 && first != '\t' && first != '\n') || first == 0x7F;
  return character.size() == 2 && first == 0xC2 && byte_at(character, 1) < 0xA0;
}

Fault not_utf8(std::string_view text, std::size_t offset) {
  if (offset == 0 && (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))) {
    return {.message = "the file is UTF-16", .hint = "save it as UTF-8"};
  }
  return {.message = fmt::format("byte 0x{:02x} is not UTF-8", byte_at(text, offset)),
          .hint = "save the file as UTF-8"};
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const unsigned char first = byte_at(text, 0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4 || !continues(text, 1)) return 0;
  const unsigned char second = byte_at(text, 1);
  if (first < 0xE0) return 2;
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second >= 0xA0;
  const bool beyond = first == 0xF4 && second >= 0x90;
  if (overlong || surrogate || beyond || !continues(text, 2)) return 0;
  if (first < 0xF0) return 3;
  return continues(text, 3) ? 4 : 0;
}

std::optional<TextFault> find_text_fault(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0) return TextFault{at, not_utf8(text, at)};
    const bool line_end = text.substr(at).starts_with("\r\n");
    if (text[at] == '\r' && !line_end) {
      return TextFault{at, {.message = "a line ends in CR alone", .hint = "end lines with LF"}};
    }
    if (!line_end && is_control(text.substr(at, length))) {
      return TextFault{
          at,
          {.message = fmt::format("control byte 0x{:02x} in the file", byte_at(text, at + length - 1)),
           .hint = "a configuration is plain text"}};
    }
    at += length;
  }
  return std::nullopt;
}

std::optional<Fault> name_fault(std::string_view what, std::string_view name) {
  static constexpr std::size_t kLengthMax = 63;
  const bool chars =
      std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
  if (!name.empty() && name.size() <= kLengthMax && is_alnum(name.front()) && chars) return std::nullopt;
  return Fault{fmt::format("{} {} is no name", what, in_quotes(name)),
               "letters, digits, '-', '_' and '.', at most 63, the first a letter or digit"};
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    if (out.size() > kQuotedBytesMax) {
      out += "...";
      break;
    }
    if (character == "\n") {
      out += "\\n";
    } else if (character == "\t") {
      out += "\\t";
    } else if (character == "\"" || character == "\\") {
      out += '\\';
      out += character;
    } else if (length == 0 || is_control(character)) {
      for (const char byte : character) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
  out += '"';
  return out;
}

}  // namespace weir::service

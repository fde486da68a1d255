#include "weir/service/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

#include "weir/base/units.h"

namespace weir::service {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_digits(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); }

constexpr std::string_view kPerSecond = "/s";

// In millionths.
std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  static constexpr double kMax = 1e12;
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  const bool number = error == std::errc{} && end == text.data() + text.size() && !text.starts_with('-');
  if (!number || !(value <= kMax)) return std::nullopt;  // infinities and what is no number as well
  return static_cast<std::uint64_t>(std::llround(value * 1e6));
}

// nullopt: not of this form, or too large for 63 bits.
std::optional<std::uint64_t> parse(KeyKind kind, std::string_view text) {
  if (kind == KeyKind::duration) {
    const auto duration = parse_duration(text);
    if (!duration) return std::nullopt;
    return static_cast<std::uint64_t>(duration->count());
  }
  if (kind == KeyKind::bytes) {
    const auto bytes = parse_bytes(text);
    if (!bytes) return std::nullopt;
    return bytes->count;
  }
  if (kind == KeyKind::rate) {
    if (!text.ends_with(kPerSecond)) return std::nullopt;
    return parse(KeyKind::bytes, text.substr(0, text.size() - kPerSecond.size()));
  }
  if (kind == KeyKind::decimal) return parse_decimal(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The same text with every number in it replaced by 1: what still does not parse
// is wrong in form, and what parses then was only too large.
std::string with_small_numbers(std::string_view text) {
  std::string small;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_digit(text[i])) {
      small += text[i];
    } else if (i == 0 || !is_digit(text[i - 1])) {
      small += '1';
    }
  }
  return small;
}

// What was probably meant: blanks, commas and underscores taken out, letters in
// the case that units have, unit words made units. Empty where that does not help.
std::string repaired(KeyKind kind, std::string_view text) {
  std::string plain;
  for (const char c : text) {
    const bool lowers = kind == KeyKind::duration && c >= 'A' && c <= 'Z';
    if (c != ' ' && c != '_' && c != ',') plain += lowers ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (parse(kind, plain)) return plain;
  struct Word {
    std::string_view word, unit;
  };
  static constexpr Word kTimeWords[] = {
      {"msec", "ms"},   {"millis", "ms"}, {"seconds", "s"}, {"second", "s"}, {"secs", "s"},  {"sec", "s"},
      {"minutes", "m"}, {"minute", "m"},  {"mins", "m"},    {"min", "m"},    {"hours", "h"}, {"hour", "h"},
  };
  static constexpr Word kSizeWords[] = {
      {"kib", "KiB"}, {"mib", "MiB"}, {"gib", "GiB"}, {"kb", "KB"}, {"mb", "MB"}, {"gb", "GB"},
      {"Kb", "KB"},   {"Mb", "MB"},   {"Gb", "GB"},   {"k", "KiB"}, {"m", "MiB"}, {"g", "GiB"},
      {"Ki", "KiB"},  {"Mi", "MiB"},  {"K", "KiB"},   {"M", "MiB"},
  };
  const std::string_view number(plain.data(), std::min(plain.find_first_not_of("0123456789"), plain.size()));
  const std::string_view unit = std::string_view(plain).substr(number.size());
  if (kind == KeyKind::rate && parse(KeyKind::bytes, plain)) return plain + std::string(kPerSecond);
  if (kind == KeyKind::decimal || kind == KeyKind::rate) return "";
  const auto words =
      kind == KeyKind::duration ? std::span<const Word>(kTimeWords) : std::span<const Word>(kSizeWords);
  for (const Word& word : words) {
    const std::string candidate = fmt::format("{}{}", number, word.unit);
    if (unit == word.word && kind != KeyKind::number && parse(kind, candidate)) return candidate;
  }
  return "";
}

std::string_view kind_name(KeyKind kind) {
  if (kind == KeyKind::duration) return "a duration";
  if (kind == KeyKind::rate) return "bytes a second";
  if (kind == KeyKind::decimal) return "a number";
  return kind == KeyKind::bytes ? "a number of bytes" : "a whole number";
}

// What `text`, which is not of the form, should have been.
std::string form_hint(const KeySpec& key, std::string_view text) {
  if (key.kind == KeyKind::duration && is_digits(text)) {
    return fmt::format("give it a unit: {0}ms or {0}s", text);
  }
  if (const std::string meant = repaired(key.kind, text); !meant.empty()) {
    return fmt::format("did you mean {}?", meant);
  }
  if (key.kind == KeyKind::duration) {
    return fmt::format("units are ns, us, ms, s, m and h, numbers are whole, as in {} or 1m30s", key.example);
  }
  if (key.kind == KeyKind::bytes) {
    return fmt::format("units are KiB, MiB, GiB, KB, MB and GB, numbers are whole, as in {}", key.example);
  }
  return fmt::format("for example {}", key.example);
}

}  // namespace

std::expected<std::uint64_t, Fault> parse_value(const KeySpec& key, std::string_view name,
                                                std::string_view text) {
  const auto value = parse(key.kind, text);
  if (value && *value >= key.min && *value <= key.max) return *value;
  const bool negative = text.starts_with('-') && parse(key.kind, with_small_numbers(text.substr(1)));
  const bool too_large = !value && parse(key.kind, with_small_numbers(text));
  if (!value && !negative && !too_large) {
    return std::unexpected(
        Fault{fmt::format("{} must be {}, is {}", name, kind_name(key.kind), in_quotes(text)),
              form_hint(key, text)});
  }
  Fault fault{fmt::format("{} is {}", name, text), fmt::format("must be {}", range_text(key))};
  if (negative) fault.message = fmt::format("{} is {}, which is negative", name, text);
  if (value && *value == 0 && !key.zero.empty()) fault.hint = fmt::format("{}; {}", fault.hint, key.zero);
  if (text.size() > 40) fault.message = fmt::format("{} is a number of {} characters", name, text.size());
  return std::unexpected(std::move(fault));
}

}  // namespace weir::service

#include "weir/base/units.h"

#include <array>
#include <charconv>
#include <cstdio>

namespace weir {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Longest first where one name starts with another.
constexpr std::array kDurationUnits{
    Unit{"ns", 1},
    Unit{"us", 1'000},
    Unit{"ms", 1'000'000},
    Unit{"s", 1'000'000'000},
    Unit{"m", 60'000'000'000},
    Unit{"h", 3'600'000'000'000},
};

constexpr std::array kByteUnits{
    Unit{"", 1},          Unit{"B", 1},          Unit{"KiB", 1 << 10},
    Unit{"MiB", 1 << 20}, Unit{"GiB", 1 << 30},  Unit{"TiB", 1ull << 40},
    Unit{"KB", 1'000},    Unit{"MB", 1'000'000}, Unit{"GB", 1'000'000'000},
};

constexpr std::uint64_t kMax = INT64_MAX;

// Reads digits and the letters after them off the front of `text`.
struct Number {
  std::uint64_t value;
  std::string_view unit;
};

std::optional<Number> take_number(std::string_view& text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number.value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  const std::size_t letters = std::min(text.find_first_of("0123456789"), text.size());
  number.unit = text.substr(0, letters);
  text.remove_prefix(letters);
  return number;
}

template <std::size_t N>
std::optional<std::uint64_t> scaled(const Number& number, const std::array<Unit, N>& units) {
  for (const Unit& unit : units) {
    if (unit.name != number.unit) continue;
    if (number.value > kMax / unit.factor) return std::nullopt;
    return number.value * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration::zero();
  std::uint64_t total = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    const auto part = scaled(*number, kDurationUnits);
    if (!part || *part > kMax - total) return std::nullopt;
    total += *part;
  }
  return Duration(static_cast<Duration::rep>(total));
}

std::optional<Bytes> parse_bytes(std::string_view text) {
  const auto number = take_number(text);
  if (!number || !text.empty()) return std::nullopt;
  const auto count = scaled(*number, kByteUnits);
  if (!count) return std::nullopt;
  return Bytes{*count};
}

std::string to_string(Duration duration) {
  if (duration == Duration::zero()) return "0s";
  std::string text;
  auto rest = static_cast<std::uint64_t>(duration.count());
  if (duration < Duration::zero()) {
    text = "-";
    rest = 0 - rest;
  }
  for (auto unit = kDurationUnits.rbegin(); unit != kDurationUnits.rend(); ++unit) {
    if (rest < unit->factor) continue;
    text += std::to_string(rest / unit->factor);
    text += unit->name;
    rest %= unit->factor;
  }
  return text;
}

std::string to_string(Bytes bytes) {
  static constexpr std::array kNames{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes.count);
  std::size_t step = 0;
  while (value >= 1024 && step + 1 < kNames.size()) {
    value /= 1024;
    ++step;
  }
  char text[32];
  std::snprintf(text, sizeof text, step == 0 ? "%.0f %s" : "%.1f %s", value, kNames[step]);
  return text;
}

}  // namespace weir

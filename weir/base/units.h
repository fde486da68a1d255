// Quantities with a unit, read from and written as text.
//
// Text forms: durations "250us", "50ms", "2s", "1m30s", "1h"; bytes "512",
// "64KiB", "16MiB", "2GiB" and, as powers of ten, "500KB", "1MB", "2GB".
// Nothing here throws. Values that overflow are refused, not wrapped.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/clock.h"

namespace weir {

// A number of bytes; never a bare integer in a public interface.
struct Bytes {
  std::uint64_t count = 0;

  constexpr auto operator<=>(const Bytes&) const = default;
};

constexpr Bytes operator*(std::uint64_t times, Bytes size) { return Bytes{times * size.count}; }
constexpr Bytes kibibytes(std::uint64_t count) { return Bytes{count << 10}; }
constexpr Bytes mebibytes(std::uint64_t count) { return Bytes{count << 20}; }

// As numbers, for rates and reports.
constexpr double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
constexpr double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// nullopt where the text is no duration, is negative or overflows.
std::optional<Duration> parse_duration(std::string_view text);
std::optional<Bytes> parse_bytes(std::string_view text);

// The shortest exact text: "1.5s" is written "1s500ms"; 0 is "0s".
std::string to_string(Duration duration);
// For people: "1.4 GiB".
std::string to_string(Bytes bytes);

}  // namespace weir

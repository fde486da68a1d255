// The word of a server that sheds, as it stands in a reply's header:
//
//   Weir-Shed-Below: 256;for=500
//
// that requests of a level below 256 are refused now, and that this may be relied
// on for 500 ms. A number and its parameter as in RFC 9651 (structured fields, an
// item that is an integer); parameters that are not known are passed over. 0: none
// is refused.
//
//   if (const auto field = reply.headers.get(kThresholdHeader)) {
//     attempt.threshold = parse_threshold(*field);      // attempt.h
//   }
//
// Plain values; parsing allocates nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/clock.h"

namespace weir::resilience {

inline constexpr std::string_view kThresholdHeader = "weir-shed-below";

struct Threshold {
  std::uint32_t shed_below = 0;
  Duration valid_for = {};  // whole milliseconds; 0: not said

  bool operator==(const Threshold&) const = default;
};

// Levels, and how long, are at most these: what is beyond is no threshold.
inline constexpr std::uint32_t kThresholdMax = 1'000'000;
inline constexpr Duration kThresholdValidMax = 1h;

// nullopt: it is not such a field, and counts as if it had not been sent.
std::optional<Threshold> parse_threshold(std::string_view field);
// What parse_threshold() gives back.
std::string to_field(const Threshold& threshold);

}  // namespace weir::resilience

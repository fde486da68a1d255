// What a bounds file says of replies that are composed of parts. Plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/units.h"

namespace weir::service {

inline constexpr std::size_t kPartsMax = 16;

struct PartConfig {
  std::string name;                   // its key in the reply
  std::string upstream;               // the name of one of the upstreams
  std::string path;                   // {names} stand for what the route's path has there
  bool required = false;              // without it there is no reply
  Duration timeout = {};              // 0: as long as the upstream's own
  Bytes body_bytes = kibibytes(256);  // of its body; a larger one is none

  bool operator==(const PartConfig&) const = default;
};

struct ComposeConfig {
  std::vector<PartConfig> parts;    // in the order of the file, at least one
  std::uint32_t at_once = 100;      // replies being composed
  Duration timeout = 10s;           // of one, from when it was let in
  Bytes body_bytes = mebibytes(1);  // of the bodies of one's parts together

  // Whose ladder it has where nobody else's fits: the first that is required, or else
  // the first.
  const PartConfig& main_part() const {
    for (const PartConfig& part : parts) {
      if (part.required) return part;
    }
    return parts.front();
  }

  bool operator==(const ComposeConfig&) const = default;
};

}  // namespace weir::service

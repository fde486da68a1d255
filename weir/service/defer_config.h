// What a bounds file says of requests that are promised instead of done. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/units.h"

namespace weir::service {

struct DeferConfig {
  // Which requests: of one of the methods, and with one of these beginnings of a path.
  std::vector<std::string> methods = {"POST"};
  std::vector<std::string> paths;    // none: all
  Bytes body_bytes = kibibytes(64);  // of one body; larger ones are refused as without this
  std::uint32_t entries = 1'000;     // that wait to be sent
  Bytes bytes = mebibytes(16);       // of them together
  std::uint32_t per_second = 10;     // sent at most
  std::uint32_t workers = 1;         // at once
  std::uint32_t tries = 10;          // of each
  Duration try_timeout = 30s;        // of each of these
  Duration keep_for = 1h;            // from being taken; then it is given up
  std::uint32_t results = 10'000;    // of which it is known what became of them, those that wait included
  Duration results_for = 10min;      // from their end

  bool operator==(const DeferConfig&) const = default;
};

}  // namespace weir::service

// Every key a scenario file may hold: the reader takes types, ranges and examples
// from here, and a test holds docs/chaos-scenario.md against it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "weir/service/schema.h"

namespace weir::chaos::internal {

service::Schema scenario_schema();

// Where a fault can be, as bits.
enum Where : std::uint8_t { at_tcp = 1, at_http = 2, at_point = 4, in_process = 8 };

// What `fault:` may say, and which keys go with it besides at, for, on and point.
struct FaultWord {
  std::string_view name;
  std::uint8_t places;                       // of Where
  bool occurs;                               // takes share, nth or every
  std::array<std::string_view, 1> required;  // "": none
  std::array<std::string_view, 2> optional;
};

std::span<const FaultWord> fault_words();

}  // namespace weir::chaos::internal

// A place in the source, in four bytes: the lower half of the address of the
// compiler's constant for it. The upper half is that of any constant of the same
// object file; who unpacks a place from another one gets none.
#pragma once

#include <bit>
#include <cstdint>
#include <source_location>

namespace weir::core::internal {

struct PackedSite {
  std::uint32_t address = 0;  // 0: unknown
};

inline PackedSite pack(std::source_location site) {
  static_assert(sizeof site == sizeof(void*), "a source_location is a pointer to its constant");
  return {.address = static_cast<std::uint32_t>(std::bit_cast<std::uintptr_t>(site))};
}

// Line 0: unknown.
std::source_location unpack(PackedSite site);

}  // namespace weir::core::internal

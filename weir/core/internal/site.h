// A place in the source, in four bytes: how far the compiler's constant for it
// lies from one of ours. Of another shared object, too far: unknown.
#pragma once

#include <bit>
#include <cstdint>
#include <source_location>

namespace weir::core::internal {

inline constexpr char kSiteOrigin = 0;

struct PackedSite {
  std::int32_t offset = 0;  // 0: unknown
};

inline PackedSite pack(std::source_location site) {
  static_assert(sizeof site == sizeof(void*), "a source_location is a pointer to its constant");
  const std::intptr_t offset =
      std::bit_cast<std::intptr_t>(site) - reinterpret_cast<std::intptr_t>(&kSiteOrigin);
  return {.offset = static_cast<std::int32_t>(offset) == offset ? static_cast<std::int32_t>(offset) : 0};
}

// Line 0: unknown.
inline std::source_location unpack(PackedSite site) {
  if (site.offset == 0) return {};
  return std::bit_cast<std::source_location>(reinterpret_cast<std::intptr_t>(&kSiteOrigin) + site.offset);
}

}  // namespace weir::core::internal

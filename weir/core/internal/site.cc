#include "weir/core/internal/site.h"

#include <dlfcn.h>

namespace weir::core::internal {
namespace {

constexpr char kOrigin = 0;

// Whether both lie in one program or library.
bool together(const void* a, const void* b) {
  Dl_info of_a{};
  Dl_info of_b{};
  return dladdr(a, &of_a) != 0 && dladdr(b, &of_b) != 0 && of_a.dli_fbase == of_b.dli_fbase;
}

}  // namespace

std::source_location unpack(PackedSite site) {
  if (site.address == 0) return {};
  // The nearest address with that lower half.
  const auto origin = reinterpret_cast<std::uintptr_t>(&kOrigin);
  const auto distance = static_cast<std::int32_t>(site.address - static_cast<std::uint32_t>(origin));
  const std::uintptr_t address = origin + static_cast<std::uintptr_t>(std::intptr_t{distance});
  if (!together(reinterpret_cast<const void*>(address), &kOrigin)) return {};
  return std::bit_cast<std::source_location>(address);
}

}  // namespace weir::core::internal

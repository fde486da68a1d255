#include "weir/base/zeroed_array.h"

#include <sys/mman.h>

#include "weir/base/check.h"

namespace weir::internal {

void* map_zeroed(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  WEIR_CHECK(at != MAP_FAILED, "out of memory");
  return at;
}

void unmap(void* at, std::size_t bytes) {
  if (at != nullptr) ::munmap(at, bytes);
}

}  // namespace weir::internal

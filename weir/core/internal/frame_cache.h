// One thread's slabs, by size of frame: where its frames come from and, when it
// frees them itself, go back to without a lock or an atomic instruction.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

#include "weir/core/internal/frame_slab.h"

namespace weir::core::internal {

// Caches outlive their threads: what was allocated from them may be freed
// later, and the next thread takes one over as it is.
class FrameCache {
 public:
  void* allocate(std::size_t of_class) {
    if (Slab* slab = with_room_[of_class]) {
      if (void* frame = slab->take()) return frame;
    }
    return allocate_slow(of_class);
  }
  void free(Slab& slab, void* frame) {
    slab.put(frame);
    // The first of its list stays where it is, empty or not: a task that comes
    // and goes alone touches nothing else.
    if (&slab != with_room_[slab.size_class] && (!slab.listed || slab.used == 0)) place(slab);
  }

  // Any thread but the cache's.
  void free_from_afar(void* frame);
  // Takes what others have freed.
  void collect();

  FrameCache* next_unused = nullptr;  // guarded by the lock of the caches nobody uses

 private:
  [[gnu::noinline]] void* allocate_slow(std::size_t of_class);
  // Lists a slab that has room again; gives up one that is empty.
  [[gnu::noinline]] void place(Slab& slab);
  void list(Slab& slab);
  void unlist(Slab& slab);

  std::array<Slab*, kSizeClasses> with_room_{};
  // release on pushing, acquire on taking all.
  alignas(64) std::atomic<FreeFrame*> freed_from_afar_{nullptr};
};

}  // namespace weir::core::internal

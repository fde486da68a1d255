#include "weir/core/internal/frame_cache.h"

namespace weir::core::internal {

void* FrameCache::allocate_slow(std::size_t of_class) {
  collect();
  while (Slab* slab = with_room_[of_class]) {
    if (void* frame = slab->take()) return frame;
    if (void* frame = slab->take_fresh()) return frame;
    unlist(*slab);
  }
  Slab& slab = slab_depot.acquire();
  slab.cut(*this, of_class, class_bytes(of_class));
  list(slab);
  return slab.take_fresh();
}

void FrameCache::place(Slab& slab) {
  if (slab.used != 0) {
    list(slab);
    return;
  }
  if (slab.listed) unlist(slab);
  slab_depot.release(slab);
}

void FrameCache::list(Slab& slab) {
  Slab*& first = with_room_[slab.size_class];
  // Behind the first, which is in the processor's cache.
  if (first == nullptr) {
    first = &slab;
  } else {
    slab.previous = first;
    slab.next = first->next;
    if (slab.next != nullptr) slab.next->previous = &slab;
    first->next = &slab;
  }
  slab.listed = true;
}

void FrameCache::unlist(Slab& slab) {
  if (slab.previous != nullptr) {
    slab.previous->next = slab.next;
  } else {
    with_room_[slab.size_class] = slab.next;
  }
  if (slab.next != nullptr) slab.next->previous = slab.previous;
  slab.previous = slab.next = nullptr;
  slab.listed = false;
}

void FrameCache::free_from_afar(void* memory) {
  auto* frame = static_cast<FreeFrame*>(memory);
  *frame = {.next = freed_from_afar_.load(std::memory_order_relaxed), .destroy = nullptr, .queued = nullptr};
  while (!freed_from_afar_.compare_exchange_weak(frame->next, frame, std::memory_order_release,
                                                 std::memory_order_relaxed)) {
  }
}

void FrameCache::collect() {
  if (freed_from_afar_.load(std::memory_order_relaxed) == nullptr) return;
  FreeFrame* frame = freed_from_afar_.exchange(nullptr, std::memory_order_acquire);
  while (frame != nullptr) {
    FreeFrame* const next = frame->next;
    free(slab_of(frame), frame);
    frame = next;
  }
}

}  // namespace weir::core::internal

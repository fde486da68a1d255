#include "weir/core/internal/frame_slab.h"

#include <sys/mman.h>

#include <mutex>
#include <new>

namespace weir::core::internal {

constinit SlabDepot slab_depot;

namespace {

// `bytes` at a multiple of `bytes`: twice as much is mapped, and the ends given back.
void* map_aligned(std::size_t bytes) {
  void* const mapped =
      ::mmap(nullptr, 2 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<std::byte*>(mapped);
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) % bytes;
  if (before != 0) ::munmap(begin, before);
  if (before != bytes) ::munmap(begin + before + bytes, bytes - before);
  return begin + before;
}

}  // namespace

void Slab::cut(FrameCache& by, std::size_t of_class, std::size_t bytes) {
  free = nullptr;
  previous = next = nullptr;
  frame_bytes = static_cast<std::uint16_t>(bytes);
  capacity = static_cast<std::uint16_t>(kBytes / bytes);
  fresh = 0;
  used = 0;
  size_class = static_cast<std::uint8_t>(of_class);
  listed = false;
  owner.store(&by, std::memory_order_relaxed);
}

void* Slab::take_fresh() {
  if (fresh == capacity) return nullptr;
  auto* frame = reinterpret_cast<FreeFrame*>(begin + std::size_t{fresh} * frame_bytes);
  frame->destroy = frame->queued = nullptr;
  ++fresh;
  ++used;
  return frame;
}

Slab& SlabDepot::acquire() {
  const std::lock_guard guard(lock_);
  Slab*& from = warm_ != nullptr ? warm_ : cold_;
  if (from == nullptr) return carve_locked();
  if (warm_ != nullptr) --warm_count_;
  --free_count_;
  Slab* const slab = from;
  from = slab->next;
  return *slab;
}

void SlabDepot::release(Slab& slab) {
  slab.owner.store(nullptr, std::memory_order_relaxed);
  bool warm = false;
  {
    const std::lock_guard guard(lock_);
    warm = warm_count_ < kWarmMax;
    if (warm) {
      slab.next = warm_;
      warm_ = &slab;
      ++warm_count_;
      ++free_count_;
    }
  }
  if (warm) return;
  ::madvise(slab.begin, Slab::kBytes, MADV_DONTNEED);
  const std::lock_guard guard(lock_);
  slab.next = cold_;
  cold_ = &slab;
  ++free_count_;
}

Slab& SlabDepot::carve_locked() {
  std::size_t count = regions_count_.load(std::memory_order_relaxed);
  if (carved_ == SlabRegion::kSlabs) {
    if (count == kRegionsMax) throw std::bad_alloc();
    regions_[count] = ::new (map_aligned(SlabRegion::kBytes)) SlabRegion;
    regions_count_.store(++count, std::memory_order_release);
    carved_ = 1;
  }
  SlabRegion& region = *regions_[count - 1];
  Slab& slab = region.slabs[carved_];
  slab.begin = reinterpret_cast<std::byte*>(&region) + carved_ * Slab::kBytes;
  ++carved_;
  return slab;
}

void SlabDepot::for_each_frame(const VisitFrame& visit) const {
  const std::size_t count = regions_count_.load(std::memory_order_acquire);
  for (std::size_t index = 0; index < count; ++index) {
    for (const Slab& slab : regions_[index]->slabs) {
      if (slab.owner.load(std::memory_order_relaxed) == nullptr) continue;
      for (std::size_t i = 0; i < slab.fresh; ++i) {
        auto* frame = reinterpret_cast<FreeFrame*>(slab.begin + i * slab.frame_bytes);
        if (frame->destroy != nullptr) visit(frame, slab.frame_bytes);
      }
    }
  }
}

FrameMemory SlabDepot::memory() const {
  const std::lock_guard guard(lock_);
  const std::size_t count = regions_count_.load(std::memory_order_relaxed);
  if (count == 0) return {};
  const std::size_t carved = (count - 1) * (SlabRegion::kSlabs - 1) + carved_ - 1;
  return {.in_use = (carved - free_count_) * Slab::kBytes, .spare = warm_count_ * Slab::kBytes};
}

}  // namespace weir::core::internal

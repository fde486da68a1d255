// Slabs of frames: 64 KiB of memory cut into frames of one size, and the depot
// that all threads take them from and give them back to.
//
// What is known of a slab stands apart from it, at the beginning of its region,
// so that an empty slab can be given to the system whole, and so that the
// bookkeeping of many slabs does not fall into the same few sets of a cache.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "weir/core/internal/frames.h"
#include "weir/core/internal/lock.h"

namespace weir::core::internal {

class FrameCache;

struct alignas(64) Slab {
  static constexpr std::size_t kBytes = std::size_t{1} << 16;

  // Null in the depot. relaxed: who frees a frame was given it, with all that
  // was written before.
  std::atomic<FrameCache*> owner{nullptr};

  // Owner only, but for the readers of for_each_frame().
  FreeFrame* free = nullptr;
  std::byte* begin = nullptr;
  Slab* previous = nullptr;  // among those of its cache that have room
  Slab* next = nullptr;      // there, or in the depot
  std::uint32_t used = 0;
  std::uint16_t fresh = 0;  // frames handed out at least once: what lies behind was never touched
  std::uint16_t capacity = 0;
  std::uint16_t frame_bytes = 0;
  std::uint8_t size_class = 0;
  bool listed = false;  // among those that have room

  // Cuts an empty slab.
  void cut(FrameCache& by, std::size_t of_class, std::size_t bytes);
  // One that was used before; null: there is none.
  void* take() {
    FreeFrame* const frame = free;
    if (frame == nullptr) return nullptr;
    free = frame->next;
    ++used;
    return frame;
  }
  // One that was not; null: the slab is full.
  void* take_fresh();
  void put(void* memory) {
    auto* frame = static_cast<FreeFrame*>(memory);
    *frame = {.next = free, .destroy = nullptr, .queued = nullptr};
    free = frame;
    --used;
  }
};
static_assert(sizeof(Slab) == 64);

// What is known of the slabs of a region takes the place of its first slab.
struct SlabRegion {
  static constexpr std::size_t kBytes = std::size_t{1} << 26;
  static constexpr std::size_t kSlabs = kBytes / Slab::kBytes;

  std::array<Slab, kSlabs> slabs;
};
static_assert(sizeof(SlabRegion) == Slab::kBytes);

// The slab a frame lies in.
inline Slab& slab_of(const void* frame) {
  const auto address = reinterpret_cast<std::uintptr_t>(frame);
  const std::uintptr_t offset = address % SlabRegion::kBytes;
  return reinterpret_cast<SlabRegion*>(address - offset)->slabs[offset / Slab::kBytes];
}

using VisitFrame = std::function<void(void* frame, std::size_t bytes)>;

// Calls visit(frame, bytes) for each frame in which a coroutine lives, in the order of
// memory; bytes: of its slot in the slab. The frames of threads that run meanwhile may
// be missed, be there in part, or have ended when `visit` sees them; their memory stays
// mapped.
void for_each_frame(const VisitFrame& visit);

class SlabDepot {
 public:
  // An empty slab. Throws std::bad_alloc.
  Slab& acquire();
  void release(Slab& slab);

  void for_each_frame(const VisitFrame& visit) const;
  FrameMemory memory() const;

 private:
  static constexpr std::size_t kRegionsMax = std::size_t{1} << 14;  // 1 TiB
  // Empty slabs beyond these go back to the system: 16 MiB, so that a load that
  // comes in waves does not fault in its memory each time.
  static constexpr std::size_t kWarmMax = 256;

  Slab& carve_locked();

  mutable Lock lock_;
  // Guarded by lock_.
  Slab* warm_ = nullptr;
  Slab* cold_ = nullptr;  // their memory is the system's
  std::size_t warm_count_ = 0;
  std::size_t free_count_ = 0;               // warm and cold
  std::size_t carved_ = SlabRegion::kSlabs;  // of the last region

  std::array<SlabRegion*, kRegionsMax> regions_{};
  std::atomic<std::size_t> regions_count_{0};  // release: what lies below it is constant
};

extern SlabDepot slab_depot;

}  // namespace weir::core::internal

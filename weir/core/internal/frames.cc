#include "weir/core/internal/frames.h"

#include <algorithm>
#include <mutex>
#include <new>

#include "weir/base/intrusive_list.h"
#include "weir/base/sanitizers.h"
#include "weir/core/internal/frame_cache.h"
#include "weir/core/internal/lock.h"

namespace weir::core::internal {
namespace {

// Frames that lie in no slab: large ones, and all of a sanitizer build.
class LooseFrames {
 public:
  void* allocate(std::size_t size) {
    auto* loose = ::new (::operator new(bytes(size))) Loose;
    loose->size = size;
    new (loose + 1) FreeFrame{};
    const std::lock_guard guard(lock_);
    frames_.push_back(*loose);
    return loose + 1;
  }
  void free(void* frame, std::size_t size) {
    Loose* loose = static_cast<Loose*>(frame) - 1;
    {
      const std::lock_guard guard(lock_);
      loose->unlink();
    }
    loose->~Loose();
    ::operator delete(loose, bytes(size));
  }
  // Holds up who allocates or frees meanwhile: a frame that is visited stays.
  void for_each(const VisitFrame& visit) {
    const std::lock_guard guard(lock_);
    frames_.for_each([&](Loose& loose) {
      if (reinterpret_cast<const FreeFrame*>(&loose + 1)->destroy != nullptr) visit(&loose + 1, loose.size);
    });
  }

 private:
  struct alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) Loose : ListNode<> {
    std::size_t size = 0;
  };

  static std::size_t bytes(std::size_t size) { return sizeof(Loose) + std::max(size, sizeof(FreeFrame)); }

  Lock lock_;
  IntrusiveList<Loose> frames_;  // guarded by lock_
};

// Never destroyed: frames are freed until the last thread ends.
LooseFrames& loose_frames() {
  static LooseFrames& frames = *new LooseFrames;
  return frames;
}

// Caches whose threads have ended.
constinit Lock unused_lock;
constinit FrameCache* unused_caches = nullptr;  // guarded by unused_lock

// initial-exec: found without a call, also in position-independent code.
[[gnu::tls_model("initial-exec")]] constinit thread_local FrameCache* cache_of_thread = nullptr;

// How many of a size a thread keeps: the depth of most recursions, in a page or
// a few.
constexpr std::uint32_t recent_max(std::size_t of_class) {
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(16'384 / class_bytes(of_class), 1, 64));
}

void free_to_owner(void* frame) {
  Slab& slab = slab_of(frame);
  FrameCache* const owner = slab.owner.load(std::memory_order_relaxed);
  if (owner == cache_of_thread) {
    owner->free(slab, frame);
  } else {
    owner->free_from_afar(frame);
  }
}

void give_back_recent() {
  for (RecentFrames::OfClass& recent : recent_frames.classes) {
    while (FreeFrame* const frame = recent.first) {
      recent.first = frame->next;
      ++recent.room;
      free_to_owner(frame);
    }
  }
}

// Leaves the thread's cache to the next.
struct LeaveCache {
  ~LeaveCache() {
    give_back_recent();
    for (RecentFrames::OfClass& recent : recent_frames.classes) recent.room = 0;
    FrameCache* const cache = cache_of_thread;
    cache_of_thread = nullptr;
    cache->collect();
    const std::lock_guard guard(unused_lock);
    cache->next_unused = unused_caches;
    unused_caches = cache;
  }
};

FrameCache* take_unused_cache() {
  const std::lock_guard guard(unused_lock);
  FrameCache* const cache = unused_caches;
  if (cache != nullptr) unused_caches = cache->next_unused;
  return cache;
}

FrameCache& make_cache() {
  FrameCache* cache = take_unused_cache();
  if (cache == nullptr) cache = new FrameCache;  // lives as long as the process
  cache_of_thread = cache;
  for (std::size_t i = 0; i < kSizeClasses; ++i) recent_frames.classes[i].room = recent_max(i);
  thread_local const LeaveCache kLeave;
  static_cast<void>(kLeave);
  return *cache;
}

bool is_loose(std::size_t size) { return kSanitized || size > kSlabFrameMax; }

}  // namespace

constinit thread_local RecentFrames recent_frames;

void* allocate_frame_of_slab(std::size_t size) {
  if (is_loose(size)) return loose_frames().allocate(size);
  FrameCache* const cache = cache_of_thread;
  return (cache != nullptr ? *cache : make_cache()).allocate(size_class(size));
}

void free_frame_of_slab(void* frame, std::size_t size) {
  if (is_loose(size)) return loose_frames().free(frame, size);
  free_to_owner(frame);
}

void tidy_frames() {
  FrameCache* const cache = cache_of_thread;
  if (cache == nullptr) return;
  give_back_recent();
  cache->collect();
}

void for_each_frame(const VisitFrame& visit) {
  slab_depot.for_each_frame(visit);
  loose_frames().for_each(visit);
}

FrameMemory frame_memory() { return slab_depot.memory(); }

}  // namespace weir::core::internal

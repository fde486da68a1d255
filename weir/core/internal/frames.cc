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
  void for_each(const std::function<void(void* frame)>& visit) {
    const std::lock_guard guard(lock_);
    frames_.for_each([&](Loose& loose) {
      if (reinterpret_cast<const FreeFrame*>(&loose + 1)->destroy != nullptr) visit(&loose + 1);
    });
  }

 private:
  struct alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) Loose : ListNode<> {};

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

// Leaves the thread's cache to the next.
struct LeaveCache {
  ~LeaveCache() {
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
  thread_local const LeaveCache kLeave;
  static_cast<void>(kLeave);
  return *cache;
}

bool is_loose(std::size_t size) { return kSanitized || size > kSlabFrameMax; }

[[gnu::noinline]] void* allocate_rarely(std::size_t size) {
  if (is_loose(size)) return loose_frames().allocate(size);
  FrameCache* const cache = cache_of_thread;
  return (cache != nullptr ? *cache : make_cache()).allocate(size_class(size));
}

[[gnu::noinline]] void free_rarely(void* frame, std::size_t size) {
  if (is_loose(size)) return loose_frames().free(frame, size);
  slab_of(frame).owner.load(std::memory_order_relaxed)->free_from_afar(frame);
}

}  // namespace

// Not inlined, as all that reads a thread's variable: a coroutine must not
// carry its address across a suspension.
[[gnu::noinline]] void* allocate_frame(std::size_t size) {
  FrameCache* const cache = cache_of_thread;
  if (is_loose(size) || cache == nullptr) [[unlikely]]
    return allocate_rarely(size);
  return cache->allocate(size_class(size));
}

[[gnu::noinline]] void free_frame(void* frame, std::size_t size) {
  if (is_loose(size)) [[unlikely]]
    return free_rarely(frame, size);
  Slab& slab = slab_of(frame);
  FrameCache* const owner = slab.owner.load(std::memory_order_relaxed);
  if (owner != cache_of_thread) [[unlikely]]
    return free_rarely(frame, size);
  owner->free(slab, frame);
}

[[gnu::noinline]] void tidy_frames() {
  if (FrameCache* const cache = cache_of_thread) cache->collect();
}

void for_each_frame(const std::function<void(void* frame)>& visit) {
  slab_depot.for_each_frame(visit);
  loose_frames().for_each(visit);
}

FrameMemory frame_memory() { return slab_depot.memory(); }

}  // namespace weir::core::internal

#include "weir/core/internal/frames.h"

#include <array>
#include <cstdint>
#include <mutex>
#include <new>

#include "weir/core/internal/lock.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_FRAMES_FROM_HEAP 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WEIR_FRAMES_FROM_HEAP 1
#endif

namespace weir::core::internal {

#ifdef WEIR_FRAMES_FROM_HEAP

void* allocate_frame(std::size_t size) { return ::operator new(size); }
void free_frame(void* frame, std::size_t size) { ::operator delete(frame, size); }

#else

namespace {

constexpr std::size_t kGranule = 64;
constexpr std::size_t kClasses = 32;  // up to 2 KiB; larger frames are rare and go to the heap
constexpr std::uint32_t kBatch = 64;  // frames that move between a cache and the depot at once
constexpr std::size_t kSlabBytes = std::size_t{1} << 18;

struct FreeFrame {
  FreeFrame* next;
  FreeFrame* next_batch;  // in the depot: the head of a batch links to the next batch
};

struct FreeList {
  FreeFrame* head = nullptr;
  std::uint32_t size = 0;

  void push(FreeFrame* frame) {
    frame->next = head;
    head = frame;
    ++size;
  }
  FreeFrame* pop() {
    FreeFrame* frame = head;
    head = frame->next;
    --size;
    return frame;
  }
};

// Full batches of one size class, shared by all threads.
class Depot {
 public:
  void put(FreeFrame* batch) {
    const std::lock_guard guard(lock_);
    batch->next_batch = batches_;
    batches_ = batch;
  }
  // Null: none.
  FreeFrame* take() {
    const std::lock_guard guard(lock_);
    FreeFrame* batch = batches_;
    if (batch != nullptr) batches_ = batch->next_batch;
    return batch;
  }

 private:
  Lock lock_;
  FreeFrame* batches_ = nullptr;  // guarded by lock_
};

// constinit and never destroyed: frames are freed until the last thread ends.
constinit std::array<Depot, kClasses> depots;

// A thread frees into `filling`; when that holds a batch it becomes the spare,
// and the old spare goes to the depot. So a thread keeps at most two batches
// per class, and alternating allocation and release never touch the depot.
struct ClassCache {
  FreeList filling;
  FreeFrame* spare = nullptr;
};

struct ThreadCache {
  std::array<ClassCache, kClasses> classes;

  ~ThreadCache() {
    for (std::size_t index = 0; index < kClasses; ++index) {
      ClassCache& cache = classes[index];
      if (cache.spare != nullptr) depots[index].put(cache.spare);
      if (cache.filling.head != nullptr) depots[index].put(cache.filling.head);
    }
  }
};

thread_local ThreadCache thread_cache;

// Slabs live as long as the process; giving them back after a peak is the
// task registry's business.
void* carve_slab(ClassCache& cache, std::size_t index) {
  const std::size_t size = (index + 1) * kGranule;
  auto* slab = static_cast<std::byte*>(::operator new(kSlabBytes, std::align_val_t{kGranule}));
  const std::size_t count = kSlabBytes / size;
  FreeList batch;
  for (std::size_t i = 1; i < count; ++i) {
    batch.push(reinterpret_cast<FreeFrame*>(slab + i * size));
    if (batch.size == kBatch) {
      depots[index].put(batch.head);
      batch = {};
    }
  }
  cache.filling = batch;
  return slab;
}

[[gnu::noinline]] void* allocate_slow(ClassCache& cache, std::size_t index) {
  FreeFrame* batch = cache.spare;
  cache.spare = nullptr;
  if (batch == nullptr) batch = depots[index].take();
  if (batch == nullptr) return carve_slab(cache, index);
  cache.filling.head = batch;
  cache.filling.size = 0;
  for (const FreeFrame* frame = batch; frame != nullptr; frame = frame->next) ++cache.filling.size;
  return cache.filling.pop();
}

}  // namespace

// noinline: a coroutine must not carry the address of a thread's cache across
// a suspension.
[[gnu::noinline]] void* allocate_frame(std::size_t size) {
  const std::size_t index = (size - 1) / kGranule;
  if (index >= kClasses) return ::operator new(size);
  ClassCache& cache = thread_cache.classes[index];
  if (cache.filling.head == nullptr) return allocate_slow(cache, index);
  return cache.filling.pop();
}

[[gnu::noinline]] void free_frame(void* frame, std::size_t size) {
  const std::size_t index = (size - 1) / kGranule;
  if (index >= kClasses) {
    ::operator delete(frame, size);
    return;
  }
  ClassCache& cache = thread_cache.classes[index];
  cache.filling.push(static_cast<FreeFrame*>(frame));
  if (cache.filling.size < kBatch) return;
  if (cache.spare != nullptr) depots[index].put(cache.spare);
  cache.spare = cache.filling.head;
  cache.filling = {};
}

#endif

}  // namespace weir::core::internal

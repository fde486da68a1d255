// Memory for coroutine frames: slabs of one size of frame each, owned by a
// thread, with a list for what other threads free. The slabs are the registry
// of all frames as well: to list the tasks that live, nothing has to be kept
// but the frames themselves.
//
// Any thread. Sanitizer builds take frames from the global allocator, so that
// one that is used after its end is found, and keep a set of them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "weir/base/sanitizers.h"

namespace weir::core::internal {

// Throws std::bad_alloc; nothing has changed then.
void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size);

// Gives back what this thread has freed, and takes back what others have freed
// of its own. To be called before a thread sleeps.
void tidy_frames();

struct FrameMemory {
  std::size_t in_use = 0;  // bytes of slabs that hold frames
  std::size_t spare = 0;   // bytes of empty slabs that were not given back to the system
};
FrameMemory frame_memory();

// What lies where no frame does. A coroutine's frame begins with two functions,
// resume and destroy, of which the second is there as long as it lives.
struct FreeFrame {
  FreeFrame* next;
  const void* destroy;  // null
  const void* queued;   // null: where a task's promise has its Runnable::next
};

// Frames of up to 1 KiB in steps of 16 bytes, of up to 8 KiB in steps of 256.
constexpr std::size_t kSlabFrameMax = 8192;
constexpr std::size_t kSizeClasses = 64 + 28;
constexpr std::size_t size_class(std::size_t size) {
  size = std::max(size, sizeof(FreeFrame));
  return size <= 1024 ? (size - 1) / 16 : 64 + (size - 1025) / 256;
}
constexpr std::size_t class_bytes(std::size_t of_class) {
  return of_class < 64 ? (of_class + 1) * 16 : 1024 + (of_class - 63) * 256;
}
static_assert(size_class(kSlabFrameMax) == kSizeClasses - 1 &&
              class_bytes(kSizeClasses - 1) == kSlabFrameMax);

// What a thread has freed last, whosever slabs it lies in: tasks that come and
// go touch nothing else.
struct RecentFrames {
  struct OfClass {
    FreeFrame* first = nullptr;
    std::uint32_t room = 0;  // none in a thread that never allocated a frame
  };
  std::array<OfClass, kSizeClasses> classes{};
};
// Read where it stands, also within a coroutine: neither compiler moves such a
// read across a suspension (clang since 15).
[[gnu::tls_model("initial-exec")]] extern constinit thread_local RecentFrames recent_frames;

void* allocate_frame_of_slab(std::size_t size);
void free_frame_of_slab(void* frame, std::size_t size);

inline void* allocate_frame(std::size_t size) {
  if (!kSanitized && size <= kSlabFrameMax) {
    RecentFrames::OfClass& recent = recent_frames.classes[size_class(size)];
    if (FreeFrame* const frame = recent.first) [[likely]] {
      recent.first = frame->next;
      ++recent.room;
      return frame;
    }
  }
  return allocate_frame_of_slab(size);
}

inline void free_frame(void* memory, std::size_t size) {
  if (!kSanitized && size <= kSlabFrameMax) {
    RecentFrames::OfClass& recent = recent_frames.classes[size_class(size)];
    if (recent.room != 0) [[likely]] {
      auto* const frame = static_cast<FreeFrame*>(memory);
      *frame = {.next = recent.first, .destroy = nullptr, .queued = nullptr};
      recent.first = frame;
      --recent.room;
      return;
    }
  }
  free_frame_of_slab(memory, size);
}

}  // namespace weir::core::internal

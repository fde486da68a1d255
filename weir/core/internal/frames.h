// Memory for coroutine frames: slabs of one size of frame each, owned by a
// thread, with a list for what other threads free. The slabs are the registry
// of all frames as well: to list the tasks that live, nothing has to be kept
// but the frames themselves.
//
// Any thread. Sanitizer builds take frames from the global allocator, so that
// one that is used after its end is found, and keep a set of them.
#pragma once

#include <cstddef>
#include <functional>

namespace weir::core::internal {

// Throws std::bad_alloc; nothing has changed then.
void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size);

// Takes back what other threads have freed of this thread's. To be called
// before a thread sleeps; costs a load when there is nothing.
void tidy_frames();

// Calls visit(frame) for each frame in which a coroutine lives, in the order of
// memory. The frames of threads that run meanwhile may be missed, be there in
// part, or have ended when `visit` sees them; their memory stays mapped.
void for_each_frame(const std::function<void(void* frame)>& visit);

struct FrameMemory {
  std::size_t in_use = 0;  // bytes of slabs that hold frames
  std::size_t spare = 0;   // bytes of empty slabs that were not given back to the system
};
FrameMemory frame_memory();

}  // namespace weir::core::internal

// Memory for coroutine frames: size classes in per-thread caches, with a depot
// behind them for frames that end on another thread than they began.
//
// Any thread. Sanitizer builds use the global allocator, so that a frame used
// after its end is found.
#pragma once

#include <cstddef>

namespace weir::core::internal {

void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size);

}  // namespace weir::core::internal

// Counts what a test program allocates: include it in one source of the program,
// whose operator new it then is.
//
//   const std::uint64_t before = allocations;
//   ...
//   EXPECT_EQ(allocations, before);
//
// The thread sanitizer brings an operator new of its own: nothing is counted
// there. For tests only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR_COUNTS_NO_ALLOCATIONS 1
#endif
#endif

namespace {

// Of the thread: a runtime of one processor has one.
thread_local std::uint64_t allocations = 0;

}  // namespace

#ifndef WEIR_COUNTS_NO_ALLOCATIONS

namespace {

void* count_and_allocate(std::size_t size, std::size_t alignment) {
  ++allocations;
  void* memory = nullptr;
  if (posix_memalign(&memory, std::max(alignment, sizeof(void*)), size) != 0) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return count_and_allocate(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return count_and_allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

#endif

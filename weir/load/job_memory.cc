#include "weir/load/job_memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "weir/base/check.h"

namespace weir::load {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

constexpr std::size_t round_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

// Whole pages and a cache line: each block starts a line further in its page.
std::size_t stride_of(Bytes block) {
  return round_up(std::max<std::size_t>(block.count, kCacheLine), kTouchBytes) + kCacheLine;
}

}  // namespace

JobMemory::JobMemory(MemorySource source, Bytes block, std::uint64_t blocks_max)
    : source_(source), bytes_(block.count), stride_(stride_of(block)) {
  if (source_ == MemorySource::heap) return;
  mapped_ = round_up(stride_ * blocks_max, kHugePage) + kHugePage;
  void* mapping =
      mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  // Refused where the kernel has no huge pages: then they are small.
  static_cast<void>(madvise(mapping, mapped_, MADV_HUGEPAGE));
  mapping_ = static_cast<char*>(mapping);
  unused_ = mapping_;
}

JobMemory::~JobMemory() {
  if (mapping_ != nullptr) {
    munmap(mapping_, mapped_);
  } else {
    malloc_trim(0);
  }
}

Bytes JobMemory::worst_case(MemorySource source, Bytes block) {
  if (source == MemorySource::slab) return Bytes{stride_of(block)};
  // Size classes of general allocators are at most a quarter apart.
  return Bytes{round_up(block.count + block.count / 4, kTouchBytes)};
}

char* JobMemory::take() {
  if (source_ == MemorySource::heap) return static_cast<char*>(::operator new(bytes_));
  const std::lock_guard guard(mutex_);
  if (free_ != nullptr) {
    Free* latest = free_;
    free_ = latest->next;
    return reinterpret_cast<char*>(latest);
  }
  WEIR_CHECK(unused_ + stride_ <= mapping_ + mapped_, "more blocks in use than there may be");
  char* block = unused_;
  unused_ += stride_;
  return block;
}

void JobMemory::give(char* block) {
  if (source_ == MemorySource::heap) {
    ::operator delete(block);
    return;
  }
  const std::lock_guard guard(mutex_);
  free_ = new (block) Free{free_};
}

void JobMemory::Block::touch() {
  volatile char* const bytes = data_;
  for (std::size_t at = 0; at < memory_.bytes_; at += kTouchBytes) bytes[at] = 1;
}

}  // namespace weir::load

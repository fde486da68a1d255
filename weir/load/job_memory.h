// Where the burst's jobs get their memory from: blocks of one size, allocated
// and freed by each job, touched page by page.
//
// Two ways, for comparison: the program's own operator new, and a slab of blocks
// in huge pages, which is what an allocator with such a size class would do
// without the search: the latest block to be freed is the next to be used, and
// each starts at another cache line of its page, so that the one byte in each
// 4,096 does not fall into the same few sets of the cache for all blocks. Fresh
// memory is the kernel's to give in both, page by page as it is touched.
//
// Callable from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "weir/base/units.h"

namespace weir::load {

// What the jobs' touching counts as a page, whatever the machine's are: the
// experiment writes one byte in each.
inline constexpr std::size_t kTouchBytes = 4096;

enum class MemorySource : std::uint8_t { slab, heap };

class JobMemory {
 public:
  // At most `blocks_max` are in use at once. Address space is taken for all of
  // them, memory as they are touched; all of it goes back with this object.
  JobMemory(MemorySource source, Bytes block, std::uint64_t blocks_max);
  ~JobMemory();
  JobMemory(const JobMemory&) = delete;
  JobMemory& operator=(const JobMemory&) = delete;

  class Block;

  // What one block takes at most, the allocator's rounding included.
  static Bytes worst_case(MemorySource source, Bytes block);

 private:
  struct Free {
    Free* next;
  };

  char* take();
  void give(char* block);

  // Constant after construction.
  const MemorySource source_;
  const std::size_t bytes_;
  const std::size_t stride_;
  std::size_t mapped_ = 0;
  char* mapping_ = nullptr;

  std::mutex mutex_;        // guards the two below
  char* unused_ = nullptr;  // from here to the end no block was ever used
  Free* free_ = nullptr;    // the latest freed first; a link lies in its block
};

// One job's memory. Freed when it is destroyed.
class JobMemory::Block {
 public:
  explicit Block(JobMemory& memory) : memory_(memory), data_(memory.take()) {}
  ~Block() { memory_.give(data_); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // Writes one byte in each kTouchBytes.
  void touch();
  char* data() const { return data_; }

 private:
  JobMemory& memory_;
  char* const data_;
};

}  // namespace weir::load

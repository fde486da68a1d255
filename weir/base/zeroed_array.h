// An array whose elements begin as zero bytes, straight from the kernel: each page is had
// when it is first written. A table for a hundred thousand keys takes a moment to make,
// and memory for those that came.
//
//   ZeroedArray<Bucket> buckets(32'768);
//   buckets[hash & mask].count += 1;
//
// For elements for which zero bytes are what their default constructor makes. They lie at
// the beginning of a page, so that none of 64 bytes spans two cache lines. Its length is
// constant; moved from it is empty. As thread-safe as its elements.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

namespace weir {

namespace internal {
// Aborts the program where there is no memory, as operator new does that cannot throw.
void* map_zeroed(std::size_t bytes);
void unmap(void* at, std::size_t bytes);
}  // namespace internal

template <class T>
class ZeroedArray {
 public:
  ZeroedArray() = default;
  explicit ZeroedArray(std::size_t size)
      : data_(static_cast<T*>(internal::map_zeroed(size * sizeof(T)))), size_(size) {
    static_assert(std::is_trivially_destructible_v<T>);
  }
  ~ZeroedArray() { internal::unmap(data_, size_ * sizeof(T)); }
  ZeroedArray(ZeroedArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  ZeroedArray& operator=(ZeroedArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  std::size_t size() const { return size_; }
  T& operator[](std::size_t index) { return data_[index]; }
  const T& operator[](std::size_t index) const { return data_[index]; }
  T& front() { return data_[0]; }
  const T& front() const { return data_[0]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace weir

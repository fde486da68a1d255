// The bytes that one direction of a connection holds: a ring that grows, up to
// a maximum, while it has to.
//
//   if (std::span<std::byte> room = ring.room(); !room.empty()) ring.added(read_into(room));
//   if (ring.size() > 0) ring.removed(write_from(ring.front()));
//
// One task uses it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>

#include "weir/base/check.h"
#include "weir/base/units.h"

namespace weir::chaos::internal {

class ByteRing {
 public:
  // What it has from its first use on. As much as the kernel hands over at once
  // on loopback.
  static constexpr std::size_t kBytesMin = std::size_t{64} << 10;

  // `bytes_max`: it never holds more; at least kBytesMin.
  explicit ByteRing(Bytes bytes_max)
      : bytes_max_(std::max<std::size_t>(static_cast<std::size_t>(bytes_max.count), kBytesMin)) {}

  std::size_t size() const { return size_; }
  bool full() const { return size_ == bytes_max_; }
  // How many more it could take.
  std::size_t free() const { return bytes_max_ - size_; }

  // Where the next bytes go, as far as they lie in a row; empty: it is full.
  std::span<std::byte> room() {
    if (size_ == capacity_ && capacity_ < bytes_max_) grow();
    const std::size_t at = (first_ + size_) % std::max<std::size_t>(capacity_, 1);
    const std::size_t until = size_ == capacity_ || at < first_ ? first_ : capacity_;
    return {bytes_.get() + at, size_ == capacity_ ? 0 : until - at};
  }
  void added(std::size_t count) {
    WEIR_DCHECK(size_ + count <= capacity_, "more than there was room for");
    size_ += count;
  }
  // As much of it as fits.
  std::size_t append(std::span<const std::byte> bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size()) {
      const std::span<std::byte> into = room();
      if (into.empty()) break;
      const std::size_t part = std::min(into.size(), bytes.size() - taken);
      std::memcpy(into.data(), bytes.data() + taken, part);
      added(part);
      taken += part;
    }
    return taken;
  }

  // The oldest bytes, as far as they lie in a row.
  std::span<const std::byte> front() const {
    return {bytes_.get() + first_, std::min(size_, capacity_ - first_)};
  }
  void removed(std::size_t count) {
    WEIR_DCHECK(count <= size_, "more than it holds");
    size_ -= count;
    // Back to the start where it can be: then the next read gets all room in a row.
    first_ = size_ == 0 ? 0 : (first_ + count) % capacity_;
  }
  // Takes the newest away.
  void dropped(std::size_t count) {
    WEIR_DCHECK(count <= size_, "more than it holds");
    size_ -= count;
  }

 private:
  void grow() {
    const std::size_t larger = std::min(std::max(kBytesMin, 2 * capacity_), bytes_max_);
    auto bytes = std::make_unique_for_overwrite<std::byte[]>(larger);
    const std::span<const std::byte> in_a_row = front();
    if (size_ > 0) {
      std::memcpy(bytes.get(), in_a_row.data(), in_a_row.size());
      std::memcpy(bytes.get() + in_a_row.size(), bytes_.get(), size_ - in_a_row.size());
    }
    bytes_ = std::move(bytes);
    capacity_ = larger;
    first_ = 0;
  }

  const std::size_t bytes_max_;
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace weir::chaos::internal

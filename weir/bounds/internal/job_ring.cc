#include "weir/bounds/internal/job_ring.h"

#include <algorithm>
#include <bit>

namespace weir::bounds::internal {

// Two cells at least: with one, "filled" and "free for the next" would be the
// same turn.
JobRing::JobRing(std::uint32_t capacity)
    : capacity_(capacity),
      mask_(std::bit_ceil(std::max<std::uint64_t>(capacity, 2)) - 1),
      cells_(new Cell[mask_ + 1]),
      used_(capacity) {
  for (std::uint64_t i = 0; i <= mask_; ++i) cells_[i].turn.store(i, std::memory_order_relaxed);
}

std::optional<Job> JobRing::pop() {
  std::uint64_t head = head_.load();
  for (;;) {
    Cell& cell = cells_[head & mask_];
    const auto ahead = static_cast<std::int64_t>(cell.turn.load(std::memory_order_acquire) - (head + 1));
    if (ahead < 0) return std::nullopt;  // empty, or claimed and not filled yet
    if (ahead > 0) {                     // another took it
      head = head_.load();
      continue;
    }
    if (!head_.compare_exchange_weak(head, head + 1)) continue;
    std::optional<core::task<>> body = std::exchange(cell.body, std::nullopt);
    const TimePoint queued_at = cell.queued_at;
    cell.turn.store(head + mask_ + 1, std::memory_order_release);
    if (body) return Job{std::move(*body), queued_at};
    head = head_.load();  // nothing was made for this place
  }
}

}  // namespace weir::bounds::internal

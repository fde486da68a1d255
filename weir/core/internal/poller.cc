#include "weir/core/internal/poller.h"

#include <mutex>
#include <utility>

namespace weir::core::internal {

void IoState::deliver(std::uint16_t of_generation, bool readable, bool writable, bool hang_up) {
  const std::lock_guard guard(lock);
  if (generation != of_generation) return;
  const std::array<bool, 2> fired{readable || hang_up, writable || hang_up};
  for (std::size_t side = 0; side < fired.size(); ++side) {
    if (!fired[side]) continue;
    Parking* parked = std::exchange(waiter[side], nullptr);
    // Readiness that nobody took is kept: an edge comes only once.
    ready[side] = parked == nullptr || !parked->wake(Wake::ready);
  }
  if (hang_up) {
    hung_up = true;
    if (cancel_on_hang_up != nullptr) cancel_on_hang_up->cancel();
  }
}

IoState* IoStatePool::acquire() {
  const std::lock_guard guard(lock_);
  if (free_ == nullptr) {
    auto block = std::make_unique<Block>();
    for (IoState& state : block->states) {
      state.next_free = free_;
      free_ = &state;
    }
    block->next = std::move(blocks_);
    blocks_ = std::move(block);
  }
  IoState* state = free_;
  free_ = state->next_free;
  return state;
}

void IoStatePool::release(IoState* state) {
  {
    const std::lock_guard guard(state->lock);
    ++state->generation;
    state->hung_up = false;
    state->ready = {};
    state->waiter = {};
    state->cancel_on_hang_up = nullptr;
  }
  const std::lock_guard guard(lock_);
  state->next_free = free_;
  free_ = state;
}

}  // namespace weir::core::internal

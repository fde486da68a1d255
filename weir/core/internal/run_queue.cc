#include "weir/core/internal/run_queue.h"

#include <algorithm>

#include "weir/base/check.h"
#include "weir/core/internal/shake.h"

namespace weir::core::internal {

void RunnableList::push(Runnable& runnable) {
  runnable.set_next(nullptr);
  if (tail == nullptr) {
    head = &runnable;
  } else {
    tail->set_next(&runnable);
  }
  tail = &runnable;
  ++size;
}

Runnable* RunnableList::pop() {
  Runnable* first = head;
  if (first == nullptr) return nullptr;
  head = first->next();
  if (head == nullptr) tail = nullptr;
  --size;
  return first;
}

void RunnableList::append(RunnableList& other) {
  if (other.head == nullptr) return;
  if (tail == nullptr) {
    head = other.head;
  } else {
    tail->set_next(other.head);
  }
  tail = other.tail;
  size += other.size;
  other = {};
}

bool RunQueue::take_half(RunnableList& out) {
  std::uint32_t head = head_.load(std::memory_order_acquire);
  const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
  if (tail - head != kCapacity) return false;
  std::array<Runnable*, kCapacity / 2> taken;
  for (std::uint32_t i = 0; i < taken.size(); ++i) {
    taken[i] = slots_[(head + i) % kCapacity].load(std::memory_order_relaxed);
  }
  WEIR_SHAKE_HERE("take_half: read");
  if (!head_.compare_exchange_strong(head, head + kCapacity / 2, std::memory_order_acq_rel)) return false;
  for (Runnable* runnable : taken) out.push(*runnable);
  return true;
}

Runnable* RunQueue::steal_from(RunQueue& victim, bool with_next) {
  const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
  WEIR_DCHECK(tail == head_.load(std::memory_order_relaxed), "stealing into a queue that holds work");
  std::uint32_t head = victim.head_.load(std::memory_order_acquire);
  for (;;) {
    const std::uint32_t available = victim.tail_.load(std::memory_order_acquire) - head;
    const std::uint32_t count = available - available / 2;
    if (count == 0) return with_next ? victim.take_next() : nullptr;
    if (count > kCapacity / 2) {  // head and tail were read apart: too old
      head = victim.head_.load(std::memory_order_acquire);
      continue;
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      slots_[(tail + i) % kCapacity].store(
          victim.slots_[(head + i) % kCapacity].load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
    WEIR_SHAKE_HERE("steal: read");
    if (!victim.head_.compare_exchange_weak(head, head + count, std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
      continue;
    }
    WEIR_SHAKE_HERE("steal: taken");
    Runnable* last = slots_[(tail + count - 1) % kCapacity].load(std::memory_order_relaxed);
    tail_.store(tail + count - 1, std::memory_order_release);
    return last;
  }
}

RunnableList RunQueue::take_all() {
  RunnableList taken;
  if (Runnable* next = take_next()) taken.push(*next);
  std::uint32_t head = head_.load(std::memory_order_acquire);
  // acquire, unlike the owner in pop(): the slots' contents were published by tail.
  while (head != tail_.load(std::memory_order_acquire)) {
    Runnable* runnable = slots_[head % kCapacity].load(std::memory_order_relaxed);
    WEIR_SHAKE_HERE("take_all: read");
    if (!head_.compare_exchange_weak(head, head + 1, std::memory_order_acq_rel)) continue;
    taken.push(*runnable);
    ++head;
  }
  return taken;
}

bool RunQueue::empty() const { return size() == 0; }

std::uint32_t RunQueue::size() const {
  const std::uint32_t head = head_.load(std::memory_order_acquire);
  const std::uint32_t tail = tail_.load(std::memory_order_acquire);
  // More than the capacity: the head that was read is old. It is not empty.
  const std::uint32_t ring = std::min(tail - head, kCapacity);
  return ring + (next_.load(std::memory_order_acquire) != nullptr ? 1 : 0);
}

}  // namespace weir::core::internal

#include "weir/core/internal/channel_core.h"

#include <sched.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>

#include "weir/base/check.h"

namespace weir::core::internal {
namespace {

ChannelStamp& stamp_of(std::byte* slot) { return *std::launder(reinterpret_cast<ChannelStamp*>(slot)); }

// Somebody has claimed the slot and is moving a value: a few instructions, as
// with a lock that is held, unless its thread is not running.
void await_stamp(std::byte* slot, std::uint64_t stamp) {
  // acquire: pairs with publish().
  for (int spin = 0; stamp_of(slot).load(std::memory_order_acquire) != stamp; ++spin) {
    if (spin >= 100) sched_yield();
  }
}

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

std::uint64_t ChannelCore::back_off(const std::atomic<std::uint64_t>& end, unsigned lost) {
  for (unsigned i = 8u << std::min(lost, 5u); i > 0; --i) relax();
  return end.load(std::memory_order_acquire);
}

ChannelCore::ChannelCore(const ChannelType& type, std::uint32_t capacity, std::uint32_t waiters_max)
    : type_(type),
      slots_(capacity == 0
                 ? nullptr
                 : ::operator new(std::size_t{type.slot_size} * capacity, std::align_val_t(type.slot_align))),
      capacity_(capacity),
      lap_(std::bit_ceil(std::uint64_t{capacity} + 1)),
      waiters_max_(waiters_max) {
  for (std::uint64_t i = 0; i < capacity; ++i) {
    std::construct_at(reinterpret_cast<ChannelStamp*>(static_cast<std::byte*>(slots_) + i * type.slot_size),
                      i);
  }
  if (capacity == 0) freeze();
}

ChannelCore::~ChannelCore() {
  WEIR_CHECK(senders_.empty() && receivers_.empty(), "channel destroyed while tasks wait for it");
  if (slots_ != nullptr) ::operator delete(slots_, std::align_val_t(type_.slot_align));
}

inline void ChannelCore::construct(void* to, void* from) const {
  if (type_.trivial_size == sizeof(std::uint64_t)) {
    std::memcpy(to, from, sizeof(std::uint64_t));
  } else if (type_.trivial_size != 0) {
    std::memcpy(to, from, type_.trivial_size);
  } else {
    type_.construct(to, from);
  }
}

void ChannelCore::take_back(void* to, void* from) const {
  if (type_.trivial_size == 0) type_.take_back(to, from);  // else it is there still
}

void ChannelCore::relocate(void* to, void* from) const {
  type_.trivial_size != 0 ? construct(to, from) : type_.relocate(to, from);
}

// relaxed: exchanges on one word have one order, so a claim either
// came before the flag, and the position shows it, or fails.
void ChannelCore::freeze() {
  if (frozen()) return;
  tail_.fetch_or(kFrozen, std::memory_order_relaxed);
  WEIR_SHAKE_HERE("channel: half frozen");
  head_.fetch_or(kFrozen, std::memory_order_relaxed);
}

void ChannelCore::thaw() {
  if (!frozen() || closed_ || capacity_ == 0 || !senders_.empty() || !receivers_.empty()) return;
  // While it is frozen nobody else writes them. release: a slot whose stamp is
  // old already may have been written to since, by a hand-over that failed.
  tail_.store(tail_.load(std::memory_order_relaxed) & ~kFrozen, std::memory_order_release);
  WEIR_SHAKE_HERE("channel: half thawed");
  head_.store(head_.load(std::memory_order_relaxed) & ~kFrozen, std::memory_order_release);
}

bool ChannelCore::empty_locked() const {
  return tail_.load(std::memory_order_relaxed) == head_.load(std::memory_order_relaxed);
}

bool ChannelCore::full_locked() const {
  // The same index, a lap on.
  return capacity_ == 0 ||
         tail_.load(std::memory_order_relaxed) == head_.load(std::memory_order_relaxed) + lap_;
}

std::byte* ChannelCore::free_slot_locked() const {
  const std::uint64_t tail = tail_.load(std::memory_order_relaxed) & ~kFrozen;
  std::byte* slot = static_cast<std::byte*>(slots_) + (tail & index_mask()) * type_.slot_size;
  await_stamp(slot, tail);
  return slot;
}

std::byte* ChannelCore::full_slot_locked() const {
  const std::uint64_t head = head_.load(std::memory_order_relaxed) & ~kFrozen;
  std::byte* slot = static_cast<std::byte*>(slots_) + (head & index_mask()) * type_.slot_size;
  await_stamp(slot, head + 1);
  return slot;
}

void ChannelCore::push_locked(std::byte* slot) {
  const std::uint64_t tail = tail_.load(std::memory_order_relaxed) & ~kFrozen;
  stamp_of(slot).store(tail + 1, std::memory_order_release);
  tail_.store(following(tail) | kFrozen, std::memory_order_relaxed);
}

void ChannelCore::pop_locked(std::byte* slot) {
  const std::uint64_t head = head_.load(std::memory_order_relaxed) & ~kFrozen;
  stamp_of(slot).store(head + lap_, std::memory_order_release);
  head_.store(following(head) | kFrozen, std::memory_order_relaxed);
}

ChannelSend* ChannelCore::next_sender() {
  ChannelSend* sender = senders_.pop_front();
  if (sender != nullptr) --senders_count_;
  return sender;
}

ChannelReceive* ChannelCore::next_receiver() {
  ChannelReceive* receiver = receivers_.pop_front();
  if (receiver != nullptr) --receivers_count_;
  return receiver;
}

inline bool ChannelCore::hand_over(void* to, void* from, Operation& other) const {
  // Several cases of a select may offer one value: only who has won takes it.
  if (!other.alone()) {
    if (!other.fulfil()) return false;
    construct(to, from);
    return true;
  }
  construct(to, from);
  if (other.fulfil()) return true;
  take_back(from, to);
  return false;
}

inline bool ChannelCore::send_locked(ChannelSend& send) {
  freeze();
  if (closed_) {
    send.refuse(Operation::Refusal::closed);
    return true;
  }
  while (ChannelReceive* receiver = next_receiver()) {
    if (hand_over(receiver->storage_, send.value_, *receiver)) {
      thaw();
      return true;
    }
  }
  if (full_locked()) return false;
  std::byte* slot = free_slot_locked();
  construct(value_in(slot), send.value_);
  push_locked(slot);
  thaw();
  return true;
}

inline bool ChannelCore::receive_locked(ChannelReceive& receive) {
  freeze();
  if (!empty_locked()) {
    std::byte* taken = full_slot_locked();
    relocate(receive.storage_, value_in(taken));
    pop_locked(taken);
    // The place that came free is the first waiting sender's.
    while (ChannelSend* sender = next_sender()) {
      std::byte* slot = free_slot_locked();
      if (hand_over(value_in(slot), sender->value_, *sender)) {
        push_locked(slot);
        break;
      }
    }
    thaw();
    return true;
  }
  while (ChannelSend* sender = next_sender()) {  // there are some only if it stores nothing
    if (hand_over(receive.storage_, sender->value_, *sender)) return true;
  }
  if (!closed_) return false;
  receive.refuse(Operation::Refusal::closed);
  return true;
}

void ChannelCore::close() {
  const std::lock_guard guard(lock_);
  freeze();
  closed_ = true;
  // Where it is not fulfilled, its wait has ended with another error.
  const auto end = [](Operation& operation) {
    operation.refuse(Operation::Refusal::closed);
    operation.fulfil();
  };
  while (ChannelReceive* receiver = next_receiver()) end(*receiver);
  while (ChannelSend* sender = next_sender()) end(*sender);
}

std::size_t ChannelCore::size() const {
  // Head first: it never passes tail. The two are a moment apart.
  const std::uint64_t head = head_.load(std::memory_order_acquire) & ~kFrozen;
  const std::uint64_t tail = tail_.load(std::memory_order_acquire) & ~kFrozen;
  const std::uint64_t laps = tail / lap_ - head / lap_;
  const std::uint64_t size = laps * capacity_ + (tail & index_mask()) - (head & index_mask());
  return static_cast<std::size_t>(size < capacity_ ? size : capacity_);
}

std::size_t ChannelCore::waiters() const {
  const std::lock_guard guard(lock_);
  return senders_count_ + receivers_count_;
}

bool ChannelSend::try_locked() { return core_.send_locked(*this); }

bool ChannelSend::enqueue_locked() {
  if (core_.senders_count_ >= core_.waiters_max_) {
    refuse(core_.waiters_max_ == 0 ? Refusal::at_limit : Refusal::queue_full);
    core_.thaw();
    return false;
  }
  core_.senders_.push_back(*this);
  ++core_.senders_count_;
  return true;
}

void ChannelSend::leave_locked() {
  if (linked()) {
    unlink();
    --core_.senders_count_;
  }
  core_.thaw();
}

bool ChannelReceive::try_locked() { return core_.receive_locked(*this); }

bool ChannelReceive::enqueue_locked() {
  if (core_.receivers_count_ >= core_.waiters_max_) {
    refuse(core_.waiters_max_ == 0 ? Refusal::at_limit : Refusal::queue_full);
    core_.thaw();
    return false;
  }
  core_.receivers_.push_back(*this);
  ++core_.receivers_count_;
  return true;
}

void ChannelReceive::leave_locked() {
  if (linked()) {
    unlink();
    --core_.receivers_count_;
  }
  core_.thaw();
}

}  // namespace weir::core::internal

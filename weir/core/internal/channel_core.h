// What a channel is apart from the type of its values: a ring, two queues of
// those who wait, and the rules between them. See channel.h for the semantics.
//
// The ring has two modes.
//   Flowing: nobody waits. Senders claim the slot at tail_ and receivers the
//   one at head_, by a compare-and-swap each and without the lock. A slot's
//   stamp says whose turn it is (D. Vyukov's bounded queue): a sender's when it
//   is the slot's position, a receiver's when it is one more.
//   Frozen: somebody waits, or the channel is closed, or it stores nothing.
//   kFrozen is set in both words, every claim fails, and all goes by the lock;
//   positions then stand still, and what was claimed before is waited for.
// Freezing is what makes a wait safe: a receiver that has frozen the ring and
// found it empty will meet every later sender under the lock.
//
// Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "weir/base/intrusive_list.h"
#include "weir/core/internal/lock.h"
#include "weir/core/internal/operation.h"
#include "weir/core/internal/shake.h"

namespace weir::core::internal {

using ChannelStamp = std::atomic<std::uint64_t>;

// How to handle values of one type. A slot begins with its stamp.
struct ChannelType {
  std::uint32_t slot_size;
  std::uint32_t slot_align;
  std::uint32_t value_offset;
  std::uint32_t trivial_size;               // not 0: values are copied as so many bytes
  void (*construct)(void* to, void* from);  // by moving; `from` stays an object
  void (*take_back)(void* to, void* from);  // assigns by moving, and destroys `from`
  void (*relocate)(void* to, void* from);   // constructs by moving, and destroys `from`
};

class ChannelSend;
class ChannelReceive;

class ChannelCore {
 public:
  ChannelCore(const ChannelType& type, std::uint32_t capacity, std::uint32_t waiters_max);
  ~ChannelCore();  // the ring is empty
  ChannelCore(const ChannelCore&) = delete;
  ChannelCore& operator=(const ChannelCore&) = delete;

  // Claim a slot, to be filled or emptied now and then published with `stamp`.
  // Null: frozen, or full (empty), or somebody is still busy with that slot.
  template <typename Slot>
  Slot* claim_free(std::uint64_t& stamp) {
    return claim<Slot>(tail_, 0, 1, stamp);
  }
  template <typename Slot>
  Slot* claim_full(std::uint64_t& stamp) {
    return claim<Slot>(head_, 1, lap_, stamp);
  }
  static void publish(ChannelStamp& slot, std::uint64_t stamp) {
    WEIR_SHAKE_HERE("channel: claimed");
    // release: pairs with the acquire of the next to claim this slot.
    slot.store(stamp, std::memory_order_release);
  }

  void close();

  std::size_t size() const;
  std::size_t capacity() const { return capacity_; }
  std::size_t waiters() const;

 private:
  friend class ChannelSend;
  friend class ChannelReceive;

  static constexpr std::uint64_t kFrozen = 1ull << 63;

  // `ready`: what the stamp of a slot whose turn it is exceeds its position by.
  template <typename Slot>
  Slot* claim(std::atomic<std::uint64_t>& end, std::uint64_t ready, std::uint64_t done,
              std::uint64_t& stamp) {
    // acquire: pairs with thaw(). Otherwise positions order nothing: values pass
    // from thread to thread by the slots' stamps.
    std::uint64_t position = end.load(std::memory_order_acquire);
    for (unsigned lost = 0;; position = back_off(end, ++lost)) {
      if ((position & kFrozen) != 0) return nullptr;
      Slot* slot = static_cast<Slot*>(slots_) + (position & index_mask());
      const std::uint64_t seen = slot->stamp.load(std::memory_order_acquire);
      if (seen == position + ready) [[likely]] {
        if (end.compare_exchange_strong(position, following(position), std::memory_order_relaxed)) {
          stamp = position + done;
          return slot;
        }
      } else if (static_cast<std::int64_t>(seen - (position + ready)) < 0) {
        return nullptr;
      }
      // Somebody else was faster.
    }
  }

  // Lets whoever was faster have the line to itself for a while, longer each
  // time: a run of claims by one processor costs far less than as many that
  // alternate. The position after that.
  static std::uint64_t back_off(const std::atomic<std::uint64_t>& end, unsigned lost);

  // A position is a lap and an index below capacity_, in one number.
  std::uint64_t index_mask() const { return lap_ - 1; }
  std::uint64_t following(std::uint64_t position) const {
    const std::uint64_t index = position & index_mask();
    return index + 1 < capacity_ ? position + 1 : position - index + lap_;
  }

  // All below: with lock_ held.
  bool send_locked(ChannelSend& send);
  bool receive_locked(ChannelReceive& receive);
  bool frozen() const { return (tail_.load(std::memory_order_relaxed) & kFrozen) != 0; }
  void freeze();
  void thaw();  // if nothing keeps it frozen
  bool full_locked() const;
  bool empty_locked() const;
  // The slot at tail (head) once nobody is busy with it.
  std::byte* free_slot_locked() const;
  std::byte* full_slot_locked() const;
  void push_locked(std::byte* slot);
  void pop_locked(std::byte* slot);
  ChannelSend* next_sender();
  ChannelReceive* next_receiver();

  // Constructs `to` from `from` and ends the wait of `other`, whose value one of
  // the two is; neither, and false, when that has ended otherwise.
  bool hand_over(void* to, void* from, Operation& other) const;
  std::byte* value_in(std::byte* slot) const { return slot + type_.value_offset; }
  void construct(void* to, void* from) const;
  void take_back(void* to, void* from) const;
  void relocate(void* to, void* from) const;

  // Constant after construction.
  const ChannelType& type_;
  void* const slots_;
  const std::uint64_t capacity_;
  const std::uint64_t lap_;  // a power of two above capacity_
  const std::uint32_t waiters_max_;

  // A line each: senders and receivers run on different processors.
  // By distance and not by alignment: a channel may lie in a coroutine's frame,
  // which has none to give.
  [[maybe_unused]] std::byte apart_from_constants_[64 - sizeof(std::uint64_t)];
  std::atomic<std::uint64_t> tail_{0};  // frozen: written under lock_
  [[maybe_unused]] std::byte apart_from_tail_[64 - sizeof(std::uint64_t)];
  std::atomic<std::uint64_t> head_{0};  // likewise
  [[maybe_unused]] std::byte apart_from_head_[64 - sizeof(std::uint64_t)];

  // Guarded by lock_. Receivers wait only while the ring is empty, senders only
  // while it is full; nobody once it is closed.
  mutable Lock lock_;
  bool closed_ = false;
  std::uint32_t senders_count_ = 0;
  std::uint32_t receivers_count_ = 0;
  IntrusiveList<ChannelSend> senders_;
  IntrusiveList<ChannelReceive> receivers_;
};

class ChannelSend : public Operation {
 public:
  bool is_told_by_lock() const final { return core_.frozen(); }
  bool try_locked() final;
  bool enqueue_locked() final;
  void leave_locked() final;

 protected:
  // `value`: an object, moved from when the operation takes effect.
  ChannelSend(ChannelCore& core, void* value)
      : Operation(&core.lock_, WaitReason::channel_send), core_(core), value_(value) {}
  ~ChannelSend() = default;

  ChannelCore& core_;
  void* const value_;

 private:
  friend class ChannelCore;
};

class ChannelReceive : public Operation {
 public:
  bool is_told_by_lock() const final { return core_.frozen(); }
  bool try_locked() final;
  bool enqueue_locked() final;
  void leave_locked() final;

 protected:
  // `storage`: where the value is constructed when the operation takes effect.
  ChannelReceive(ChannelCore& core, void* storage)
      : Operation(&core.lock_, WaitReason::channel_receive), core_(core), storage_(storage) {}
  ChannelReceive(const ChannelReceive& other, void* storage)
      : Operation(other), core_(other.core_), storage_(storage) {}
  ~ChannelReceive() = default;

  ChannelCore& core_;
  void* const storage_;

 private:
  friend class ChannelCore;
};

}  // namespace weir::core::internal

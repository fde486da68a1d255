// A channel: values from tasks to tasks, in order, with Go's semantics.
//
//   Channel<Job> jobs({.capacity = 128, .waiters_max = 1000});
//
//   Result<> sent = co_await jobs.send(ctx, std::move(job));      // waits while it is full
//   jobs.close();                                                 // no more to come
//
//   while (Result<Job> job = co_await jobs.receive(ctx)) work(*job);   // until closed and drained
//
// With capacity 0 nothing is stored: a send and a receive wait for each other.
// A value goes straight to the receiver that has waited longest; whoever waits
// is served before whoever comes.
//
// After close(), receives take what is left and then fail, and sends fail:
// disconnected, Reason::closed. `closed(result)` tells that from cancellation.
//
// Tasks wait; any thread may try and close. A channel outlives the operations
// on it: also the one that has just handed over the last value. T moves without
// throwing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/await.h"
#include "weir/core/internal/channel_core.h"
#include "weir/core/internal/operation.h"

namespace weir::core {

// True when a send or a receive failed because the channel is closed.
template <typename T>
bool closed(const Result<T>& result) {
  return !result && result.error().reason == Reason::closed;
}

template <typename T>
class Channel {
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>);
  // What is trivial is copied; anything else is moved, and only when it is sent.
  static constexpr bool kTrivial = std::is_trivially_copyable_v<T>;

 public:
  struct Options {
    std::uint32_t capacity = 0;  // values it stores; 0: each send waits for its receive
    // Tasks that may wait to send, and as many to receive; 0: none. The default
    // is far above what a channel that serves its purpose ever sees.
    std::uint32_t waiters_max = 65'536;
  };
  using Sent = std::conditional_t<kTrivial, const T&, T&&>;
  class Sending;
  class Receiving;

  explicit Channel(Options options) : core_(type(), options.capacity, options.waiters_max) {}
  ~Channel() {
    while (try_receive()) {
    }
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Awaits Result<>. `value` is moved from only if it was sent, whatever the
  // error: cancellation loses nothing. Errors: disconnected (closed, also while
  // it waits), overloaded (queue_full), deadline, cancelled.
  internal::Await<Sending> send(Context& context, Sent value, TimePoint deadline = kNever) {
    return {context, deadline, *this, static_cast<Sent>(value)};
  }
  // Awaits Result<T>. Errors: disconnected (closed and empty), overloaded
  // (queue_full), deadline, cancelled. Cancellation: no value is taken.
  internal::Await<Receiving> receive(Context& context, TimePoint deadline = kNever) {
    return {context, deadline, *this};
  }

  // The same as cases of a select(). `value` lives until it has ended, and may
  // be offered by several of them.
  Sending on_send(Sent value) { return Sending(*this, static_cast<Sent>(value)); }
  Receiving on_receive() { return Receiving(*this); }

  // Do not wait. Errors: overloaded (at_limit: full, or nobody receives; empty,
  // or nobody sends), disconnected (closed).
  Result<> try_send(Sent value) {
    Sending sending(*this, static_cast<Sent>(value));
    if (!sending.try_without_waiting())
      return fail(ErrorKind::overloaded, Reason::at_limit, label(WaitReason::channel_send));
    return sending.take();
  }
  Result<T> try_receive() {
    Receiving receiving(*this);
    if (!receiving.try_without_waiting()) {
      return fail(ErrorKind::overloaded, Reason::at_limit, label(WaitReason::channel_receive));
    }
    return receiving.take();
  }

  // Idempotent. Ends every wait: nothing waits for what no longer comes.
  void close() { core_.close(); }

  // Snapshots, for people and metrics: they may be stale when they return.
  std::size_t size() const { return core_.size(); }
  std::size_t capacity() const { return core_.capacity(); }
  std::size_t waiters() const { return core_.waiters(); }

 private:
  struct Slot {
    internal::ChannelStamp stamp;
    alignas(T) std::byte value[sizeof(T)];
  };

  static T* as_value(void* value) { return static_cast<T*>(value); }

  static const internal::ChannelType& type() {
    static constexpr internal::ChannelType kType{
        .slot_size = sizeof(Slot),
        .slot_align = alignof(Slot),
        .value_offset = offsetof(Slot, value),
        .trivial_size = kTrivial ? sizeof(T) : 0,
        .construct = [](void* to,
                        void* from) { std::construct_at(as_value(to), std::move(*as_value(from))); },
        .take_back =
            [](void* to, void* from) {
              *as_value(to) = std::move(*as_value(from));
              std::destroy_at(as_value(from));
            },
        .relocate =
            [](void* to, void* from) {
              std::construct_at(as_value(to), std::move(*as_value(from)));
              std::destroy_at(as_value(from));
            }};
    return kType;
  }

  internal::ChannelCore core_;
};

template <typename T>
class Channel<T>::Sending final : public internal::ChannelSend {
 public:
  using Value = Result<>;

  Sending(Channel& channel, Sent value)
      : ChannelSend(channel.core_, const_cast<void*>(static_cast<const void*>(std::addressof(value)))) {}

  bool try_now() override {
    std::uint64_t stamp;
    Slot* slot = core_.template claim_free<Slot>(stamp);
    if (slot == nullptr) return false;
    std::construct_at(as_value(slot->value), std::move(*as_value(value_)));
    core_.publish(slot->stamp, stamp);
    return true;
  }

  Result<> take() {
    if (refused()) [[unlikely]]
      return std::unexpected(error());
    return {};
  }
};

template <typename T>
class Channel<T>::Receiving final : public internal::ChannelReceive {
 public:
  using Value = Result<T>;

  explicit Receiving(Channel& channel) : ChannelReceive(channel.core_, storage_) {}
  Receiving(const Receiving& other) : ChannelReceive(other, storage_) {}

  bool try_now() override {
    std::uint64_t stamp;
    Slot* slot = core_.template claim_full<Slot>(stamp);
    if (slot == nullptr) return false;
    T* from = as_value(slot->value);
    std::construct_at(as_value(storage_), std::move(*from));
    std::destroy_at(from);
    core_.publish(slot->stamp, stamp);
    return true;
  }

  Result<T> take() {
    if (refused()) [[unlikely]]
      return std::unexpected(error());
    T* value = as_value(storage_);
    Result<T> taken(std::in_place, std::move(*value));
    std::destroy_at(value);
    return taken;
  }

 private:
  alignas(T) std::byte storage_[sizeof(T)];
};

}  // namespace weir::core

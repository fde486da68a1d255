// One event to many subscribers, each behind a bounded queue of its own: a slow
// one holds up nobody but, where it asked for that, the publisher.
//
//   Subscribers<Event> subscribers({.subscribers_max = 64});
//
//   auto mine = subscribers.subscribe({.name = "billing", .capacity = 1024, .when_full =
//   WhenFull::drop_oldest}); co_await for_each_bounded(ctx, (*mine)->queue(), workers, deliver, {.limit =
//   1});   // its one worker
//
//   Published to = co_await subscribers.publish(ctx, event);
//   subscribers.leave(*mine);
//
// A subscription begins with the next event and ends with leave(), which closes
// its queue: its worker ends after what is left there. They come and go while
// events are published.
//
// publish() offers the event to each in turn, in the order they came. Where the
// queue is full: drop_newest leaves it out, drop_oldest makes room, block waits
// at most `block_max`, then leaves it out; each is counted at the subscription.
// Events are copied: make them cheap to copy (a shared_ptr to const).
//
// Tasks publish; any thread subscribes, leaves and reads. Two that publish at once
// reach each subscriber in some order, but not the same for all.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/channel.h"
#include "weir/core/context.h"
#include "weir/core/now.h"
#include "weir/core/task.h"

namespace weir::bounds {

enum class WhenFull : std::uint8_t { drop_newest, drop_oldest, block };

struct SubscriptionOptions {
  std::string name;            // for people and metrics
  std::uint32_t capacity = 0;  // events that may wait; no default, at least 1
  WhenFull when_full = WhenFull::drop_newest;
  Duration block_max = 100ms;  // with block: how long it may hold the publisher up; above 0
};

struct SubscriptionStats {
  std::uint64_t queued = 0;       // events put into its queue
  std::uint64_t dropped = 0;      // left out, or pushed out by a newer one
  std::uint64_t held_up = 0;      // times that a publisher waited for it
  std::uint64_t queue_depth = 0;  // now
};

// What became of one event.
struct Published {
  std::uint32_t queued = 0;   // subscribers whose queue it entered
  std::uint32_t dropped = 0;  // subscribers that it is lost for
  Result<> ended;             // cancelled or deadline: those after this one were not asked
};

template <typename T>
class Subscription {
 public:
  explicit Subscription(SubscriptionOptions options)
      : options_(std::move(options)), queue_({.capacity = options_.capacity}) {}

  core::Channel<T>& queue() { return queue_; }
  const SubscriptionOptions& options() const { return options_; }
  // Takes no more events: its worker ends after what is queued. Idempotent.
  void close() { queue_.close(); }

  SubscriptionStats stats() const {
    return {.queued = queued_.load(std::memory_order_relaxed),
            .dropped = dropped_.load(std::memory_order_relaxed),
            .held_up = held_up_.load(std::memory_order_relaxed),
            .queue_depth = queue_.size()};
  }

  // By Subscribers. offer() does not wait: where that is what it takes it says so.
  enum class Offered : std::uint8_t { queued, dropped, wait, closed };
  Offered offer(const T& event) {
    for (;;) {
      T copy(event);
      Result<> sent = queue_.try_send(std::move(copy));
      if (sent) return count(Offered::queued);
      if (core::closed(sent)) return Offered::closed;
      if (options_.when_full == WhenFull::block) return Offered::wait;
      if (options_.when_full == WhenFull::drop_newest) return count(Offered::dropped);
      if (queue_.try_receive()) count(Offered::dropped);
    }
  }
  core::task<Result<Offered>> wait(core::Context& context, const T& event) {
    held_up_.fetch_add(1, std::memory_order_relaxed);
    T copy(event);
    Result<> sent =
        co_await queue_.send(context, std::move(copy), saturating_add(core::now(), options_.block_max));
    if (sent) co_return count(Offered::queued);
    if (core::closed(sent)) co_return Offered::closed;
    count(Offered::dropped);
    if (Result<> alive = context.check(core::now()); !alive) co_return std::unexpected(alive.error());
    co_return Offered::dropped;
  }

 private:
  Offered count(Offered what) {
    (what == Offered::queued ? queued_ : dropped_).fetch_add(1, std::memory_order_relaxed);
    return what;
  }

  const SubscriptionOptions options_;
  core::Channel<T> queue_;
  // Relaxed: they order nothing.
  std::atomic<std::uint64_t> queued_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> held_up_{0};
};

template <typename T>
class Subscribers {
 public:
  struct Options {
    std::uint32_t subscribers_max = 0;  // at once; no default
  };
  using Handle = std::shared_ptr<Subscription<T>>;

  explicit Subscribers(Options options) : options_(options) {}
  Subscribers(const Subscribers&) = delete;
  Subscribers& operator=(const Subscribers&) = delete;
  ~Subscribers() { close(); }

  // Errors: invalid (a capacity or a block_max of 0), overloaded (at_limit: as
  // many as there may be), disconnected (closed).
  Result<Handle> subscribe(SubscriptionOptions options) {
    if (options.capacity == 0 || options.block_max <= Duration::zero())
      return fail(ErrorKind::invalid, Reason::none, "a subscription without a capacity or a time to wait");
    const std::lock_guard guard(mutex_);
    if (closed_) return fail(ErrorKind::disconnected, Reason::closed, "subscribers");
    if (all_->size() >= options_.subscribers_max)
      return fail(ErrorKind::overloaded, Reason::at_limit, "subscribers");
    auto made = std::make_shared<Subscription<T>>(std::move(options));
    auto more = std::make_shared<All>(*all_);
    more->push_back(made);
    all_ = std::move(more);
    return made;
  }

  // Closes its queue; an event that is being published may still enter before.
  void leave(const Handle& subscription) {
    subscription->close();
    const std::lock_guard guard(mutex_);
    auto rest = std::make_shared<All>(*all_);
    std::erase(*rest, subscription);
    all_ = std::move(rest);
  }

  // Cancellation, or the deadline of `context`: ends at the subscriber it waits
  // for, which loses the event.
  core::task<Published> publish(core::Context& context, T event) {
    Published published;
    const std::shared_ptr<const All> all = snapshot();
    for (const Handle& each : *all) {
      auto offered = each->offer(event);
      if (offered == Subscription<T>::Offered::wait) {
        const auto waited = co_await each->wait(context, event);
        if (!waited) {
          ++published.dropped;
          published.ended = std::unexpected(waited.error());
          break;
        }
        offered = *waited;
      }
      published.queued += offered == Subscription<T>::Offered::queued ? 1 : 0;
      published.dropped += offered == Subscription<T>::Offered::dropped ? 1 : 0;
    }
    co_return published;
  }

  // Closes every queue and takes no more subscribers. Idempotent.
  void close() {
    std::shared_ptr<const All> all;
    {
      const std::lock_guard guard(mutex_);
      closed_ = true;
      all = std::exchange(all_, std::make_shared<All>());
    }
    for (const Handle& each : *all) each->close();
  }

  // Those there are now, for pages.
  std::vector<Handle> list() const { return *snapshot(); }

 private:
  using All = std::vector<Handle>;

  std::shared_ptr<const All> snapshot() const {
    const std::lock_guard guard(mutex_);
    return all_;
  }

  const Options options_;
  mutable std::mutex mutex_;
  std::shared_ptr<const All> all_ = std::make_shared<All>();  // guarded; what it points to never changes
  bool closed_ = false;                                       // guarded by mutex_
};

}  // namespace weir::bounds

// A shipper: anybody puts things in without waiting, one worker ships them in
// batches, by number or by age. For logs, metrics, events: what must never hold
// its caller up and may be lost, but not without being counted.
//
//   Batcher<Line> lines({.capacity = 10'000, .batch_max = 500, .age_max = 1s});
//   scope.spawn(std::move(permit), lines.run(scope.context(), ship));
//   lines.put(std::move(line));                       // any thread; never waits
//   ...
//   BatcherStats left = co_await lines.drain(core::now() + 2s);   // ships what is there
//
//   task<Result<>> ship(Context& ctx, std::vector<Line>& batch);
//
// A batch goes when it has `batch_max` or its oldest has waited `age_max`. One is
// shipped at a time: while that takes long, others gather, up to `capacity`; what
// comes then is dropped and counted. So memory is bounded by capacity + batch_max
// values, whatever becomes of the receiver.
//
// A batch that could not be shipped is counted as failed and given up: whoever
// wants retries makes them in `ship` (weir/resilience/retry.h). What it throws
// counts as well.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "weir/base/check.h"
#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/channel.h"
#include "weir/core/context.h"
#include "weir/core/event.h"
#include "weir/core/now.h"
#include "weir/core/task.h"

namespace weir::bounds {

struct BatcherOptions {
  std::uint32_t capacity = 0;   // values that may wait to be in a batch; no default, at least 1
  std::uint32_t batch_max = 0;  // values in a batch; no default, at least 1
  Duration age_max = 1s;        // a value waits so long for a batch to fill up; above 0
  Duration ship_timeout = {};   // for each batch; 0: none
};

struct BatcherStats {
  std::uint64_t put = 0;
  std::uint64_t shipped = 0;  // values
  std::uint64_t batches = 0;  // that were shipped
  std::uint64_t dropped = 0;  // there was no room
  std::uint64_t refused = 0;  // put after close()
  std::uint64_t failed = 0;   // values of batches that were not shipped, or were left at the end
  std::uint64_t waiting = 0;  // now
};

template <typename T>
class Batcher {
 public:
  // WEIR_CHECKs the options.
  explicit Batcher(BatcherOptions options)
      : options_(options), values_({.capacity = options.capacity, .waiters_max = 1}) {
    WEIR_CHECK(options.capacity >= 1 && options.batch_max >= 1 && options.age_max > Duration::zero() &&
                   options.ship_timeout >= Duration::zero(),
               "a batcher's capacity and batch_max are at least 1, its age_max above 0");
  }
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // Does not wait. Errors: overloaded (queue_full: dropped and counted),
  // disconnected (closed). `value` is moved from only if it was taken.
  Result<> put(T&& value) {
    if (Result<> sent = values_.try_send(std::move(value)); sent) {
      put_.fetch_add(1, std::memory_order_relaxed);
      return {};
    } else if (core::closed(sent)) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      return sent;
    }
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return fail(ErrorKind::overloaded, Reason::queue_full, "batcher");
  }
  Result<> put(const T& value) { return put(T(value)); }

  // Ships until close() and the last batch, or until `context` is cancelled; what
  // is left then counts as failed. `ship(context, batch)` gives a task<Result<>>;
  // what it leaves in the vector is destroyed. Once.
  template <typename Ship>
  core::task<> run(core::Context& context, Ship ship) {
    core::Context shipping(context);
    show(&shipping);
    std::vector<T> batch;
    batch.reserve(options_.batch_max);
    for (bool more = true; more;) {
      more = co_await gather(shipping, batch);
      if (batch.empty()) continue;
      const std::size_t size = batch.size();
      const Result<> shipped = co_await ship_one(shipping, ship, batch);
      (shipped ? shipped_ : failed_).fetch_add(size, std::memory_order_relaxed);
      if (shipped) batches_.fetch_add(1, std::memory_order_relaxed);
      batch.clear();
      more = more && !shipping.cancelled();
    }
    while (values_.try_receive()) failed_.fetch_add(1, std::memory_order_relaxed);
    show(nullptr);
    ended_.set();
  }

  // Takes no more; run() ships what is there and ends. Any thread.
  void close() { values_.close(); }

  // The same, and waits for run(), which must have begun. At `deadline` it cancels
  // the batch that is being shipped and gives up what is left: counted as failed.
  // Waits for that in any case, and heeds no other cancellation.
  core::task<BatcherStats> drain(TimePoint deadline) {
    close();
    core::Context quiet;
    if (!co_await ended_.wait(quiet, deadline)) {
      cancel();
      static_cast<void>(co_await ended_.wait(quiet));
    }
    co_return stats();
  }

  BatcherStats stats() const {
    const auto read = [](const std::atomic<std::uint64_t>& counter) {
      return counter.load(std::memory_order_relaxed);
    };
    return {.put = read(put_),
            .shipped = read(shipped_),
            .batches = read(batches_),
            .dropped = read(dropped_),
            .refused = read(refused_),
            .failed = read(failed_),
            .waiting = values_.size()};
  }

 private:
  void show(core::Context* shipping) {
    const std::lock_guard guard(mutex_);
    shipping_ = shipping;
  }
  void cancel() {
    const std::lock_guard guard(mutex_);
    if (shipping_ != nullptr) shipping_->cancel();
  }

  // Fills the batch. False: there will be no more.
  core::task<bool> gather(core::Context& context, std::vector<T>& batch) {
    TimePoint due = kNever;
    while (batch.size() < options_.batch_max) {
      Result<T> value = co_await values_.receive(context, due);
      // Its age is over, which is no end; or it is closed, or cancelled.
      if (!value) co_return !core::closed(value) && context.check(core::now()).has_value();
      if (batch.empty()) due = saturating_add(core::now(), options_.age_max);
      batch.push_back(std::move(*value));
    }
    co_return true;
  }

  template <typename Ship>
  core::task<Result<>> ship_one(core::Context& context, Ship& ship, std::vector<T>& batch) {
    const bool timed = options_.ship_timeout != Duration::zero();
    core::Context bounded(context, timed ? saturating_add(core::now(), options_.ship_timeout) : kNever);
    try {
      co_return co_await ship(bounded, batch);
    } catch (...) {
      co_return fail(ErrorKind::internal, Reason::none, "exception");
    }
  }

  const BatcherOptions options_;
  core::Channel<T> values_;
  core::Event ended_;
  std::mutex mutex_;
  core::Context* shipping_ = nullptr;  // guarded by mutex_; while run() runs
  // Relaxed: they order nothing.
  std::atomic<std::uint64_t> put_{0};
  std::atomic<std::uint64_t> shipped_{0};
  std::atomic<std::uint64_t> batches_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> failed_{0};
};

}  // namespace weir::bounds

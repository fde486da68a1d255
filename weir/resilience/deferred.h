// Work that is promised instead of done: what cannot be had now is put into a
// bounded queue (the client gets a 202), and done when the dependency takes it.
//
//   MemoryStore store({.entries_max = 10'000, .bytes_max = mebibytes(64)});
//   DeferredQueue queue({.name = "orders"}, store, budget, rng,
//                       [&](Context& ctx, const DeferredJob& job) { return orders.place(ctx, job.payload);
//                       });
//   scope.spawn(std::move(permit), queue.run(scope.context()));
//   ...
//   Result<std::uint64_t> ticket = co_await queue.put(ctx, {.key = "o-17", .payload = body});
//   ...
//   queue.close();                       // at shutdown: run() returns when all is done, or
//                                        // when it is cancelled: what is left is reported
//
// Each try is charged to the budget that the dependency's retries and hedges draw
// from: a queue that has grown while it was down is no second wave of load. The
// oldest is tried first; what fails goes back to its place, and after each failure
// nothing is tried for a backoff. What is no use any more (too old, tried too
// often, or the request is wrong) is dropped and reported.
//
// put(): tasks on any processor; close() and stats(): any thread. It outlives run()
// and every put(); store, budget and rng outlive it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/base/rng.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/event.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"
#include "weir/resilience/backoff.h"
#include "weir/resilience/retry_budget.h"

namespace weir::resilience {

struct DeferredJob {
  std::string key;
  std::string payload;
  // Written by store and queue.
  std::uint64_t id = 0;
  TimePoint put_at;
  std::uint32_t tries = 0;  // so far

  std::uint64_t bytes() const { return sizeof(DeferredJob) + key.size() + payload.size(); }
};

// Where they are kept. Called by tasks, several at once. One that outlives the
// process gives what was taken and is not done again when it is opened anew, so
// that a job may be done twice and none is lost.
class DeferredStore {
 public:
  struct Size {
    std::uint64_t entries = 0;  // those that are taken included
    std::uint64_t bytes = 0;
  };

  virtual ~DeferredStore() = default;

  // Gives its number: greater than those before it, above 0. Errors: overloaded
  // (queue_full), invalid (too_large: it would never fit), and the store's own.
  // Cancellation: it is not kept.
  virtual core::task<Result<std::uint64_t>> put(core::Context& context, DeferredJob job) = 0;
  // The oldest that is not taken; empty: there is none. It stays in the store
  // until it is done, or is given back. Cancellation: none is taken.
  virtual core::task<Result<std::optional<DeferredJob>>> take(core::Context& context) = 0;
  // Both also once the context is cancelled.
  virtual core::task<Result<>> done(core::Context& context, std::uint64_t id) = 0;
  virtual core::task<Result<>> give_back(core::Context& context, DeferredJob job) = 0;

  virtual Size size() const = 0;
};

// In memory, first in, first out; lost with the process.
class MemoryStore final : public DeferredStore {
 public:
  struct Options {
    std::uint64_t entries_max = 0;  // no default, at least 1
    Bytes bytes_max = {};           // of keys, payloads and jobs; no default, above 0
  };

  // WEIR_CHECKs that both are given.
  explicit MemoryStore(Options options);

  core::task<Result<std::uint64_t>> put(core::Context& context, DeferredJob job) override;
  core::task<Result<std::optional<DeferredJob>>> take(core::Context& context) override;
  core::task<Result<>> done(core::Context& context, std::uint64_t id) override;
  core::task<Result<>> give_back(core::Context& context, DeferredJob job) override;
  Size size() const override;

 private:
  struct Entry {
    DeferredJob job;  // empty while it is taken
    std::uint64_t bytes = 0;
    bool taken = false;
  };

  const Options options_;
  mutable std::mutex mutex_;                // never held across a co_await
  std::map<std::uint64_t, Entry> entries_;  // by id, which is by age; guarded by mutex_, as all below
  std::uint64_t bytes_ = 0;
  std::uint64_t last_id_ = 0;
};

class DeferredQueue {
 public:
  // Why a job will not be done.
  enum class Lost : std::uint8_t {
    too_old,
    tried_too_often,
    not_retryable,  // what it asks for is wrong
    left,           // run() has ended: it is still in the store
  };
  using Work = std::function<core::task<Result<>>(core::Context&, const DeferredJob&)>;
  // Called by run(), one at a time; quick.
  using Report = std::function<void(const DeferredJob&, Lost)>;

  struct Options {
    std::string name;                               // appears in refusals and metrics
    std::uint32_t workers = 1;                      // jobs at once; at least 1
    std::uint32_t tries_max = 10;                   // of a job; at least 1
    Duration keep_for = 1h;                         // from put() on; above 0
    Duration try_timeout = 30s;                     // of each try; above 0
    Backoff backoff = {.base = 100ms, .max = 30s};  // after failures in a row
    Duration budget_pause = 100ms;                  // before the budget is asked again; above 0
  };

  // A snapshot; counts since construction.
  struct Stats {
    DeferredStore::Size size;
    std::uint64_t put = 0;
    std::uint64_t refused = 0;  // by the store, or since it is closed
    std::uint64_t tries = 0;
    std::uint64_t done = 0;
    std::uint64_t too_old = 0;
    std::uint64_t tried_too_often = 0;
    std::uint64_t not_retryable = 0;
    std::uint64_t left = 0;  // when run() ended
    std::uint64_t budget_refused = 0;
  };

  // `work` returns the task<Result<>> of one try. WEIR_CHECKs what verify() tells.
  DeferredQueue(Options options, DeferredStore& store, RetryBudget& budget, Rng& rng, Work work,
                Report report = {});
  static std::expected<void, std::string> verify(const Options& options);

  // Gives its number. Errors: overloaded (draining), those of the store.
  core::task<Result<std::uint64_t>> put(core::Context& context, DeferredJob job);
  // Works until it is cancelled, or until it is closed and nothing is left; once.
  // Throws the first of what `work` threw, when it ends: until then that was a
  // failure of its job.
  core::task<> run(core::Context& context);
  // From now on nothing is taken in. Idempotent.
  void close();

  const std::string& name() const { return options_.name; }
  Stats stats() const;

 private:
  // What is to be tried next, after whatever must be waited for.
  core::task<Result<std::optional<DeferredJob>>> next(core::Context& context);
  core::task<Result<>> charge(core::Context& context);
  core::task<> hand_out(core::Scope& scope);
  core::task<> work(core::Context& context, DeferredJob job);
  core::task<> report_left(core::Context& context);
  bool drained() const { return closed_.load(std::memory_order_acquire) && store_.size().entries == 0; }
  void lose(const DeferredJob& job, Lost why);
  std::optional<Lost> useless(const DeferredJob& job, TimePoint now) const;

  const Options options_;
  DeferredStore& store_;
  RetryBudget& budget_;
  Rng& rng_;
  const Work work_;
  const Report report_;
  core::Limit workers_;
  core::Event came_;  // something was put, has ended, or it was closed
  std::mutex reporting_;
  std::atomic<bool> closed_{false};         // release, before came_ is set
  std::atomic<std::uint32_t> failures_{0};  // in a row
  std::atomic<Duration::rep> not_before_{Duration::min().count()};

  // Counters are relaxed: they order nothing.
  std::atomic<std::uint64_t> put_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> tries_{0};
  std::atomic<std::uint64_t> done_{0};
  std::array<std::atomic<std::uint64_t>, 4> lost_{};  // by Lost
  std::atomic<std::uint64_t> budget_refused_{0};
};

}  // namespace weir::resilience

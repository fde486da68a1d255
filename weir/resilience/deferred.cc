#include "weir/resilience/deferred.h"

#include <algorithm>
#include <exception>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/core/sleep.h"
#include "weir/resilience/attempt.h"

namespace weir::resilience {

MemoryStore::MemoryStore(Options options) : options_(options) {
  WEIR_CHECK(options.entries_max > 0 && options.bytes_max.count > 0, "a store has room for one, and bounds");
}

core::task<Result<std::uint64_t>> MemoryStore::put(core::Context&, DeferredJob job) {
  const std::uint64_t bytes = job.bytes();
  if (bytes > options_.bytes_max.count) co_return fail(ErrorKind::invalid, Reason::too_large, "deferred");
  const std::lock_guard guard(mutex_);
  if (entries_.size() >= options_.entries_max || bytes_ > options_.bytes_max.count - bytes)
    co_return fail(ErrorKind::overloaded, Reason::queue_full, "deferred");
  job.id = ++last_id_;
  entries_.emplace(last_id_, Entry{.job = std::move(job), .bytes = bytes});
  bytes_ += bytes;
  co_return last_id_;
}

core::task<Result<std::optional<DeferredJob>>> MemoryStore::take(core::Context&) {
  const std::lock_guard guard(mutex_);
  // No more are taken than there are workers.
  const auto first = std::ranges::find_if(entries_, [](const auto& entry) { return !entry.second.taken; });
  if (first == entries_.end()) co_return std::nullopt;
  first->second.taken = true;
  co_return std::move(first->second.job);
}

core::task<Result<>> MemoryStore::done(core::Context&, std::uint64_t id) {
  const std::lock_guard guard(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) co_return Result<>();
  bytes_ -= found->second.bytes;
  entries_.erase(found);
  co_return Result<>();
}

core::task<Result<>> MemoryStore::give_back(core::Context&, DeferredJob job) {
  const std::lock_guard guard(mutex_);
  const auto found = entries_.find(job.id);
  if (found == entries_.end()) co_return fail(ErrorKind::invalid, Reason::none, "deferred");
  found->second.job = std::move(job);
  found->second.taken = false;
  co_return Result<>();
}

DeferredStore::Size MemoryStore::size() const {
  const std::lock_guard guard(mutex_);
  return {.entries = entries_.size(), .bytes = bytes_};
}

std::expected<void, std::string> DeferredQueue::verify(const Options& options) {
  const auto wrong = [&](std::string_view what) {
    return std::unexpected("deferred " + options.name + ": " + std::string(what));
  };
  if (options.workers == 0 || options.tries_max == 0) return wrong("workers and tries_max are at least 1");
  if (options.keep_for <= Duration::zero() || options.try_timeout <= Duration::zero() ||
      options.budget_pause <= Duration::zero())
    return wrong("keep_for, try_timeout and budget_pause are above 0");
  return {};
}

DeferredQueue::DeferredQueue(Options options, DeferredStore& store, RetryBudget& budget, Rng& rng, Work work,
                             Report report)
    : options_([&] {
        const auto right = verify(options);
        WEIR_CHECK(right, right.error().c_str());
        return std::move(options);
      }()),
      store_(store),
      budget_(budget),
      rng_(rng),
      work_(std::move(work)),
      report_(std::move(report)),
      workers_({.name = options_.name, .limit = options_.workers, .queue_depth = 1}) {}

core::task<Result<std::uint64_t>> DeferredQueue::put(core::Context& context, DeferredJob job) {
  if (closed_.load(std::memory_order_relaxed)) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    co_return fail(ErrorKind::overloaded, Reason::draining, options_.name);
  }
  job.put_at = core::now();
  job.tries = 0;
  Result<std::uint64_t> id = co_await store_.put(context, std::move(job));
  (id ? put_ : refused_).fetch_add(1, std::memory_order_relaxed);
  if (id) came_.set();
  co_return id;
}

void DeferredQueue::close() {
  closed_.store(true, std::memory_order_release);
  came_.set();
}

std::optional<DeferredQueue::Lost> DeferredQueue::useless(const DeferredJob& job, TimePoint now) const {
  if (now - job.put_at >= options_.keep_for) return Lost::too_old;
  if (job.tries >= options_.tries_max) return Lost::tried_too_often;
  return std::nullopt;
}

void DeferredQueue::lose(const DeferredJob& job, Lost why) {
  lost_[static_cast<std::size_t>(why)].fetch_add(1, std::memory_order_relaxed);
  if (!report_) return;
  const std::lock_guard guard(reporting_);
  report_(job, why);
}

core::task<Result<std::optional<DeferredJob>>> DeferredQueue::next(core::Context& context) {
  for (;;) {
    const TimePoint not_before(Duration(not_before_.load(std::memory_order_relaxed)));
    if (not_before > core::now()) {
      if (const Result<> slept = co_await core::sleep_until(context, not_before); !slept)
        co_return std::unexpected(slept.error());
    }
    // Before it looks: what comes from now on sets it again.
    came_.reset();
    Result<std::optional<DeferredJob>> job = co_await store_.take(context);
    if (!job) co_return job;
    if (!*job) {
      if (drained()) co_return job;
      if (const Result<> came = co_await came_.wait(context); !came) co_return std::unexpected(came.error());
      continue;
    }
    const std::optional<Lost> why = useless(**job, core::now());
    if (!why) co_return job;
    (void)co_await store_.done(context, (*job)->id);
    lose(**job, *why);
  }
}

core::task<Result<>> DeferredQueue::charge(core::Context& context) {
  while (!budget_.try_charge(core::now())) {
    budget_refused_.fetch_add(1, std::memory_order_relaxed);
    if (Result<> slept = co_await core::sleep_for(context, options_.budget_pause); !slept) co_return slept;
  }
  co_return Result<>();
}

core::task<> DeferredQueue::run(core::Context& context) {
  std::exception_ptr thrown;
  try {
    (void)co_await core::with_scope(
        context, [this](core::Scope& scope) { return hand_out(scope); }, core::OnError::run_all);
  } catch (...) {
    thrown = std::current_exception();
  }
  close();
  co_await report_left(context);
  if (thrown) std::rethrow_exception(thrown);
}

core::task<> DeferredQueue::hand_out(core::Scope& scope) {
  core::Context& context = scope.context();
  for (;;) {
    Result<core::Permit> permit = co_await workers_.acquire(context);
    if (!permit) co_return;
    Result<std::optional<DeferredJob>> job = co_await next(context);
    if (!job || !*job) co_return;
    if (!co_await charge(context)) {
      (void)co_await store_.give_back(context, std::move(**job));
      co_return;
    }
    scope.spawn(std::move(*permit), work(context, std::move(**job)));
  }
}

core::task<> DeferredQueue::work(core::Context& context, DeferredJob job) {
  tries_.fetch_add(1, std::memory_order_relaxed);
  Result<> outcome = fail(ErrorKind::internal);
  std::exception_ptr thrown;
  try {
    core::Context own(context, saturating_add(core::now(), options_.try_timeout));
    outcome = co_await work_(own, job);
  } catch (...) {
    thrown = std::current_exception();
  }
  const Attempt attempt = outcome ? Attempt{} : attempt_of(outcome.error());
  if (outcome || attempt.outcome == Attempt::Outcome::not_retryable) {
    failures_.store(0, std::memory_order_relaxed);
    (void)co_await store_.done(context, job.id);
    if (outcome) {
      done_.fetch_add(1, std::memory_order_relaxed);
    } else {
      lose(job, Lost::not_retryable);
    }
  } else {
    // Cut short by the end of all, it was no try.
    if (!context.cancelled()) {
      ++job.tries;
      const std::uint32_t failures = failures_.fetch_add(1, std::memory_order_relaxed) + 1;
      const Duration wait = std::max(options_.backoff.wait(failures, rng_), outcome.error().retry_after);
      not_before_.store(saturating_add(core::now(), wait).time_since_epoch().count(),
                        std::memory_order_relaxed);
    }
    (void)co_await store_.give_back(context, std::move(job));
  }
  came_.set();
  if (thrown) std::rethrow_exception(thrown);
}

core::task<> DeferredQueue::report_left(core::Context& context) {
  // As many as there are now: one that gave the same again and again would keep it
  // here for ever.
  for (std::uint64_t most = store_.size().entries; most > 0; --most) {
    Result<std::optional<DeferredJob>> job = co_await store_.take(context);
    if (!job || !*job) co_return;
    lose(**job, Lost::left);
  }
}

DeferredQueue::Stats DeferredQueue::stats() const {
  const auto get = [](const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  const auto lost = [&](Lost why) { return get(lost_[static_cast<std::size_t>(why)]); };
  return {
      .size = store_.size(),
      .put = get(put_),
      .refused = get(refused_),
      .tries = get(tries_),
      .done = get(done_),
      .too_old = lost(Lost::too_old),
      .tried_too_often = lost(Lost::tried_too_often),
      .not_retryable = lost(Lost::not_retryable),
      .left = lost(Lost::left),
      .budget_refused = get(budget_refused_),
  };
}

}  // namespace weir::resilience

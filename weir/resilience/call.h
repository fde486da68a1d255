// A policy: all that stands between a caller and a dependency, declared once and
// passed in the order in which it is written.
//
//   Policy<Page> pages({
//       .name = "pages",
//       .deadline = 2s,
//       .cache = CacheOptions{.entries_max = 10'000, .fresh_for = 10s, .stale_if_error = 10min},
//       .retry = RetryOptions{.attempts_max = 3, .attempt_timeout = 500ms},
//       .budget = RetryBudget::Options{.share = 0.2},
//       .throttle = ClientThrottle::Options{},
//       .breaker = CircuitBreaker::Options{.slow_after = 400ms},
//       .bulkhead = &pages_inflight,
//       .hedge = HedgeOptions{.limit = &hedges},
//   });
//   scope.spawn(std::move(permit), pages.run(scope.context()));      // only with a cache or a singleflight
//   ...
//   Result<Page> page = co_await pages.call(ctx, "front", [&client](Context& own) {
//     return client.fetch(own, "front");
//   });
//
// From the outside in:
//   deadline      of the whole call
//   cache         what is fresh needs nothing of what follows
//   singleflight  who asks for the same waits for one call, which dies with none of them
//   retry         budget charged before the backoff, during which nothing is held;
//                 the server's retry-after is waited for; none that would come too late
//   throttle      what the server would refuse is not sent
//   breaker       while the dependency fails, it is not called
//   bulkhead      so many tries at once, hedges included
//   hedge         when it takes longer than most do; none while the server says overload
//   fn            the call itself
// Why in this order: docs/design/call.md.
//
// A layer that is absent costs nothing; with all of them absent, call() is fn.
// Errors say which layer it was: the kind, the reason, and where, which is the
// name that the layer was declared with (the policy's, the bulkhead's own).
//
// A policy without cache and singleflight takes a T that only moves, such as a
// reply that is still coming: it is handed over as fn gave it. What it gives while
// it is judged to be a failure is handed over as well, when it is not tried again.
//
// Called by tasks, on any processor. It outlives run() and its calls; what the
// options refer to outlives it.
#pragma once

#include <concepts>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "weir/base/check.h"
#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/now.h"
#include "weir/core/task.h"
#include "weir/resilience/attempt.h"
#include "weir/resilience/cache.h"
#include "weir/resilience/dependency.h"
#include "weir/resilience/policy_options.h"
#include "weir/resilience/singleflight.h"

namespace weir::resilience {

struct PolicyStats {
  DependencyStats dependency;
  std::optional<CacheStats> cache;
  std::optional<SingleflightStats> singleflight;
};

template <typename T, typename Key = std::string, typename Hash = std::hash<Key>>
class Policy {
  // What is shared among callers is copied for each of them.
  static constexpr bool kShares = std::is_copy_constructible_v<T>;
  struct Absent {};
  using Kept = std::conditional_t<kShares, Cache<Key, T, Hash>, Absent>;
  using Flights = std::conditional_t<kShares, Singleflight<Key, T, Hash>, Absent>;

  template <typename Fn>
  static constexpr bool kMakes = std::is_same_v<internal::OutcomeOf<Fn>, Result<T>>;

 public:
  // What a call gave, and how old it is.
  struct Found {
    T value;
    Duration age{};  // since it was loaded
    Freshness freshness = Freshness::loaded;
  };

  // WEIR_CHECKs what verify() tells.
  explicit Policy(PolicyOptions options);
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

  // Error: what is wrong and what would be right.
  static std::expected<void, std::string> verify(const PolicyOptions& options);

  // Runs what is shared among callers, until it is cancelled; once. Without cache
  // and singleflight it returns at once. Calls with a key that come before it wait
  // for it, and those that come after it are refused (draining).
  core::task<> run(core::Context& context);

  // `fn(context)` returns the task<Result<T>> of one try, under a context that ends
  // with the try: within the deadline and attempt_timeout. It may be called again
  // and, hedged, twice at once. As `fn(context, permit)` it may move the
  // bulkhead's permit (empty without one) into its T, which then holds it for as
  // long as it lives.
  //
  // `judge(result)` says what a result tells (attempt.h).
  //
  // Value: of the first try that is good, or of the last. Errors: the last try's;
  // those of the layers: overloaded (breaker_open, throttled, those of the
  // bulkhead), deadline, cancelled. Throws what fn throws. Cancellation: reaches
  // the try, and the call returns when it has ended.
  //
  // fn is kept until the call has ended; with all layers absent it must outlive the
  // await itself, as it does in co_await policy.call(context, fn).
  template <typename Fn, typename Judge = JudgeByError>
    requires(internal::TakesPermit<Fn> || std::invocable<Fn&, core::Context&>)
  core::task<Result<T>> call(core::Context& context, Fn&& fn, CallOptions options = {}, Judge judge = {});

  // The same for what has a key, by cache and singleflight where there are any. The
  // call belongs to nobody then: fn and judge own all that they use, or refer to
  // what outlives run(); its deadline is its own, which is the policy's (the
  // cache's load_timeout); its options are those of whom it was begun by. What the
  // judge does not call ok is not kept. Cancellation: the caller leaves at once; the
  // call ends with its last caller. Errors: also overloaded (keys_full, queue_full,
  // draining).
  template <typename Fn, typename Judge = JudgeByError>
    requires(internal::TakesPermit<Fn> || std::invocable<Fn&, core::Context&>)
  core::task<Result<T>> call(core::Context& context, Key key, Fn&& fn, CallOptions options = {},
                             Judge judge = {});
  // The same with how fresh it is.
  template <typename Fn, typename Judge = JudgeByError>
  core::task<Result<Found>> find(core::Context& context, Key key, Fn fn, CallOptions options = {},
                                 Judge judge = {});

  // Cache::adjust(); without one, nothing.
  void adjust_cache(const CacheOptions& to) {
    if constexpr (kShares) {
      if (cache_) cache_->adjust(to);
    }
  }

  // What the cache has, however old; empty without one.
  std::optional<Found> peek(const Key& key) const;

  const std::string& name() const { return layers_.name(); }
  Dependency& dependency() { return layers_; }
  PolicyStats stats(TimePoint now) const;

 private:
  bool empty() const { return deadline_ == Duration::zero() && layers_.empty(); }
  TimePoint ends() const {
    return deadline_ > Duration::zero() ? saturating_add(core::now(), deadline_) : kNever;
  }
  template <typename Fn, typename Judge>
  core::task<Result<T>> call_within(core::Context& context, Fn fn, Judge judge, CallOptions options);
  template <typename Fn, typename Judge>
  core::task<Result<T>> call_shared(core::Context& context, Key key, Fn fn, Judge judge, CallOptions options);
  // One that belongs to nobody.
  template <typename Fn, typename Judge>
  auto load(Fn fn, Judge judge, CallOptions options) {
    return [this, fn = std::move(fn), judge = std::move(judge), options](core::Context& context,
                                                                         const Key&) mutable {
      return layers_.call(context, std::ref(fn), std::ref(judge), options);
    };
  }

  const Duration deadline_;
  std::unique_ptr<Dependency> own_;  // empty: another policy's
  Dependency& layers_;
  std::optional<Kept> cache_;
  std::optional<Flights> flights_;
};

template <typename T, typename Key, typename Hash>
std::expected<void, std::string> Policy<T, Key, Hash>::verify(const PolicyOptions& options) {
  const auto wrong = [&](const char* what) {
    return std::unexpected("policy " + options.name + ": " + what);
  };
  if (options.deadline < Duration::zero()) return wrong("deadline is not below 0");
  if (options.cache && options.singleflight)
    return wrong("a cache has a singleflight of its own; declare one of them");
  if (!kShares && (options.cache || options.singleflight))
    return wrong("what only moves cannot be shared by a cache or a singleflight");
  if (options.cache && (options.cache->entries_max == 0 || options.cache->fresh_for <= Duration::zero() ||
                        options.cache->load_timeout <= Duration::zero() || options.cache->loads_max == 0 ||
                        options.cache->callers_max == 0))
    return wrong("cache: entries_max, fresh_for, load_timeout, loads_max and callers_max are above 0");
  if (options.singleflight &&
      (options.singleflight->flights_max == 0 || options.singleflight->callers_max == 0))
    return wrong("singleflight: flights_max and callers_max are above 0");
  if (options.shared == nullptr) return Dependency::verify(options);
  if (options.retry || options.budget || options.throttle || options.breaker || options.bulkhead != nullptr ||
      options.hedge)
    return wrong("layers are shared with another policy's or declared here, not both");
  return {};
}

template <typename T, typename Key, typename Hash>
Policy<T, Key, Hash>::Policy(PolicyOptions options)
    : deadline_([&] {
        const auto right = verify(options);
        WEIR_CHECK(right, right.error().c_str());
        return options.deadline;
      }()),
      own_(options.shared == nullptr ? std::make_unique<Dependency>(options) : nullptr),
      layers_(own_ ? *own_ : *options.shared) {
  if constexpr (kShares) {
    if (options.cache) {
      if (options.cache->name.empty()) options.cache->name = options.name;
      cache_.emplace(std::move(*options.cache), typename Kept::Load{});
    }
    if (options.singleflight) {
      if (options.singleflight->name.empty()) options.singleflight->name = options.name;
      if (options.singleflight->flight_timeout == Duration::zero())
        options.singleflight->flight_timeout = options.deadline;
      flights_.emplace(std::move(*options.singleflight), typename Flights::Load{});
    }
  }
}

template <typename T, typename Key, typename Hash>
core::task<> Policy<T, Key, Hash>::run(core::Context& context) {
  if constexpr (kShares) {
    if (cache_) co_await cache_->run(context);
    if (flights_) co_await flights_->run(context);
  }
  co_return;
}

template <typename T, typename Key, typename Hash>
template <typename Fn, typename Judge>
  requires(internal::TakesPermit<Fn> || std::invocable<Fn&, core::Context&>)
core::task<Result<T>> Policy<T, Key, Hash>::call(core::Context& context, Fn&& fn, CallOptions options,
                                                 Judge judge) {
  using Own = std::decay_t<Fn>;
  static_assert(kMakes<Own>, "fn makes a task<Result<T>> of this policy's T");
  if constexpr (!internal::TakesPermit<Fn>) {
    if (empty()) return fn(context);
  }
  if (deadline_ == Duration::zero())
    return layers_.call(context, Own(std::forward<Fn>(fn)), std::move(judge), options);
  return call_within(context, Own(std::forward<Fn>(fn)), std::move(judge), options);
}

template <typename T, typename Key, typename Hash>
template <typename Fn, typename Judge>
core::task<Result<T>> Policy<T, Key, Hash>::call_within(core::Context& context, Fn fn, Judge judge,
                                                        CallOptions options) {
  core::Context own(context, ends());
  co_return co_await layers_.call(own, std::ref(fn), std::ref(judge), options);
}

template <typename T, typename Key, typename Hash>
template <typename Fn, typename Judge>
  requires(internal::TakesPermit<Fn> || std::invocable<Fn&, core::Context&>)
core::task<Result<T>> Policy<T, Key, Hash>::call(core::Context& context, Key key, Fn&& fn,
                                                 CallOptions options, Judge judge) {
  if (!cache_ && !flights_) return call(context, std::forward<Fn>(fn), options, std::move(judge));
  return call_shared(context, std::move(key), std::decay_t<Fn>(std::forward<Fn>(fn)), std::move(judge),
                     options);
}

template <typename T, typename Key, typename Hash>
template <typename Fn, typename Judge>
core::task<Result<T>> Policy<T, Key, Hash>::call_shared(core::Context& context, Key key, Fn fn, Judge judge,
                                                        CallOptions options) {
  Result<Found> found = co_await find(context, std::move(key), std::move(fn), options, std::move(judge));
  if (!found) co_return std::unexpected(found.error());
  co_return std::move(found->value);
}

template <typename T, typename Key, typename Hash>
template <typename Fn, typename Judge>
auto Policy<T, Key, Hash>::find(core::Context& context, Key key, Fn fn, CallOptions options, Judge judge)
    -> core::task<Result<Found>> {
  core::Context own(context, ends());
  if constexpr (kShares) {
    if (cache_) {
      // Before anything is made that only a load needs.
      if (auto here = cache_->fresh(key)) co_return Found{std::move(here->value), here->age, here->freshness};
      const auto is_good = [judge](const Result<T>& result) mutable {
        return judge(result).outcome == Attempt::Outcome::ok;
      };
      auto found = co_await cache_->get(own, std::move(key), load(std::move(fn), judge, options), is_good);
      if (!found) co_return std::unexpected(found.error());
      co_return Found{std::move(found->value), found->age, found->freshness};
    }
    if (flights_) {
      Result<T> value =
          co_await flights_->get(own, std::move(key), load(std::move(fn), std::move(judge), options));
      if (!value) co_return std::unexpected(value.error());
      co_return Found{.value = std::move(*value)};
    }
  }
  Result<T> value = co_await layers_.call(own, std::ref(fn), std::ref(judge), options);
  if (!value) co_return std::unexpected(value.error());
  co_return Found{.value = std::move(*value)};
}

template <typename T, typename Key, typename Hash>
auto Policy<T, Key, Hash>::peek(const Key& key) const -> std::optional<Found> {
  if constexpr (kShares) {
    if (!cache_) return std::nullopt;
    if (auto found = cache_->peek(key)) return Found{std::move(found->value), found->age, found->freshness};
  }
  return std::nullopt;
}

template <typename T, typename Key, typename Hash>
PolicyStats Policy<T, Key, Hash>::stats(TimePoint now) const {
  PolicyStats stats{.dependency = layers_.stats(now), .cache = {}, .singleflight = {}};
  if constexpr (kShares) {
    if (cache_) stats.cache = cache_->stats();
    if (flights_) stats.singleflight = flights_->stats();
  }
  return stats;
}

}  // namespace weir::resilience

// A cache of what is loaded from a dependency: bounded, with ages, and no two
// loads of one key at once.
//
//   Cache<std::string, Page> pages({.name = "pages",
//                                   .entries_max = 10'000,
//                                   .fresh_for = 10s,
//                                   .stale_while_revalidate = 30s,
//                                   .stale_if_error = 10min},
//                                  load);
//   scope.spawn(std::move(permit), pages.run(scope.context()));
//   ...
//   auto found = co_await pages.get(ctx, "front");      // found->value, and how old it is
//
// Fresh: given at once. A little older (stale_while_revalidate): given at once,
// while it is loaded anew for the next. Older: loaded; and where that fails, the
// old one is given (stale_if_error). The terms and their meaning are those of
// RFC 5861, and both spans begin when freshness ends. Loads are flights
// (singleflight.h), and what lands is kept also when its callers have gone.
//
// When it is full, the entry that was asked for least lately makes room. Errors
// are not kept: what spares a dependency that fails is a breaker.
//
// Called by tasks, on any processor; one lock, held for a look-up. It outlives
// run() and every get().
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "weir/base/check.h"
#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/now.h"
#include "weir/core/task.h"
#include "weir/resilience/singleflight.h"

namespace weir::resilience {

struct CacheOptions {
  std::string name;                      // appears in refusals and metrics
  std::uint32_t entries_max = 0;         // no default, at least 1
  Duration fresh_for = {};               // no default, above 0
  Duration stale_while_revalidate = {};  // after that; 0: never
  Duration stale_if_error = {};          // after that; 0: never
  std::uint32_t loads_max = 100;         // at once
  std::uint32_t callers_max = 10'000;    // waiting for loads
  Duration load_timeout = 10s;           // of each load: one for nobody has no other; above 0
};

enum class Freshness : std::uint8_t { loaded, fresh, stale, stale_on_error };

// A snapshot; counts since construction.
struct CacheStats {
  std::uint64_t entries = 0;  // now
  std::uint64_t fresh = 0;
  std::uint64_t stale = 0;
  std::uint64_t stale_on_error = 0;
  std::uint64_t missed = 0;  // calls that waited for a load
  std::uint64_t evicted = 0;
  SingleflightStats loads;
};

template <typename Key, typename Value, typename Hash = std::hash<Key>>
class Cache {
  using Flights = Singleflight<Key, Value, Hash>;

 public:
  using Load = Flights::Load;

  struct Found {
    Value value;
    Duration age{};  // since it was loaded
    Freshness freshness = Freshness::loaded;
  };

  Cache(CacheOptions options, Load load)
      : options_(std::move(options)),
        load_(std::move(load)),
        flights_({.name = options_.name,
                  .flights_max = options_.loads_max,
                  .callers_max = options_.callers_max,
                  .flight_timeout = options_.load_timeout},
                 [this](core::Context& context, const Key& key) { return load_and_keep(context, key); }) {
    WEIR_CHECK(options_.entries_max > 0, "a cache needs room for one");
    WEIR_CHECK(options_.fresh_for > Duration::zero() && options_.load_timeout > Duration::zero(),
               "what is never fresh need not be cached, and a load has an end");
  }

  // Runs the loads, until it is cancelled; once. Then only what is here is given.
  core::task<> run(core::Context& context) { return flights_.run(context); }

  // Errors: those of load(), overloaded (keys_full, queue_full, draining),
  // deadline and cancelled from the context; each only where nothing that may be
  // given is here, but cancelled. Throws what load() threw. Cancellation: the
  // caller leaves.
  core::task<Result<Found>> get(core::Context& context, Key key);

  // What is here, however old, and without a load: for when nothing else is to
  // be had. Counts as no use.
  std::optional<Found> peek(const Key& key) const;

  CacheStats stats() const {
    CacheStats now;
    {
      const std::lock_guard guard(mutex_);
      now = stats_;
      now.entries = entries_.size();
    }
    now.loads = flights_.stats();
    return now;
  }

 private:
  struct Entry {
    Value value;
    TimePoint loaded_at;
    std::list<Key>::iterator use;  // in uses_
  };

  core::task<Result<Value>> load_and_keep(core::Context& context, const Key& key);
  void keep(const Key& key, const Value& value);
  // What is here and young enough to be given in some case.
  std::optional<Found> look_up(const Key& key);
  std::optional<Found> stale_on_error(std::optional<Found> old, const Error& error);

  const CacheOptions options_;
  const Load load_;
  mutable std::mutex mutex_;                      // never held across a co_await
  std::unordered_map<Key, Entry, Hash> entries_;  // guarded by mutex_, as all below
  std::list<Key> uses_;                           // the latest last
  CacheStats stats_;
  Flights flights_;
};

template <typename Key, typename Value, typename Hash>
auto Cache<Key, Value, Hash>::get(core::Context& context, Key key) -> core::task<Result<Found>> {
  std::optional<Found> here = look_up(key);
  if (here && here->freshness == Freshness::fresh) co_return std::move(*here);
  if (here && here->freshness == Freshness::stale) {
    // Refused, there is another time.
    (void)flights_.start(std::move(key));
    co_return std::move(*here);
  }
  Result<Value> loaded = co_await flights_.get(context, std::move(key));
  if (loaded) co_return Found{.value = std::move(*loaded)};
  if (auto old = stale_on_error(std::move(here), loaded.error())) co_return std::move(*old);
  co_return std::unexpected(loaded.error());
}

template <typename Key, typename Value, typename Hash>
auto Cache<Key, Value, Hash>::look_up(const Key& key) -> std::optional<Found> {
  const TimePoint now = core::now();
  const std::lock_guard guard(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    ++stats_.missed;
    return std::nullopt;
  }
  uses_.splice(uses_.end(), uses_, found->second.use);
  // Two processors' times may differ by some microseconds.
  const Duration age = std::max(now - found->second.loaded_at, Duration::zero());
  Found here{.value = found->second.value, .age = age, .freshness = Freshness::fresh};
  if (age < options_.fresh_for) {
    ++stats_.fresh;
    return here;
  }
  const Duration stale_for = age - options_.fresh_for;
  here.freshness = Freshness::stale;
  if (stale_for < options_.stale_while_revalidate) {
    ++stats_.stale;
    return here;
  }
  ++stats_.missed;
  here.freshness = Freshness::stale_on_error;
  if (stale_for < options_.stale_if_error) return here;
  return std::nullopt;
}

template <typename Key, typename Value, typename Hash>
auto Cache<Key, Value, Hash>::stale_on_error(std::optional<Found> old, const Error& error)
    -> std::optional<Found> {
  // Nobody is there to take it; or the dependency is well and says no.
  if (error.kind == ErrorKind::cancelled || error.kind == ErrorKind::invalid) return std::nullopt;
  if (!old) return std::nullopt;
  const std::lock_guard guard(mutex_);
  ++stats_.stale_on_error;
  return old;
}

template <typename Key, typename Value, typename Hash>
auto Cache<Key, Value, Hash>::peek(const Key& key) const -> std::optional<Found> {
  const TimePoint now = core::now();
  const std::lock_guard guard(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  const Duration age = std::max(now - found->second.loaded_at, Duration::zero());
  return Found{.value = found->second.value,
               .age = age,
               .freshness = age < options_.fresh_for ? Freshness::fresh : Freshness::stale};
}

template <typename Key, typename Value, typename Hash>
core::task<Result<Value>> Cache<Key, Value, Hash>::load_and_keep(core::Context& context, const Key& key) {
  Result<Value> loaded = co_await load_(context, key);
  if (loaded) keep(key, *loaded);
  co_return loaded;
}

template <typename Key, typename Value, typename Hash>
void Cache<Key, Value, Hash>::keep(const Key& key, const Value& value) {
  const TimePoint now = core::now();
  const std::lock_guard guard(mutex_);
  if (const auto found = entries_.find(key); found != entries_.end()) {
    found->second.value = value;
    found->second.loaded_at = now;
    return;
  }
  if (entries_.size() == options_.entries_max) {
    entries_.erase(uses_.front());
    uses_.pop_front();
    ++stats_.evicted;
  }
  uses_.push_back(key);
  entries_.emplace(key, Entry{value, now, std::prev(uses_.end())});
}

}  // namespace weir::resilience

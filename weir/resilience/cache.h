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
// When it is full, in entries or in bytes, what was asked for least lately makes
// room; a value that has no room even so is given and not kept. Errors are not
// kept: what spares a dependency that fails is a breaker.
//
// Called by tasks, on any processor; one lock, held for a look-up. It outlives
// run() and every get().
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "weir/base/check.h"
#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/now.h"
#include "weir/core/task.h"
#include "weir/resilience/singleflight.h"

namespace weir::resilience {

struct CacheOptions {
  std::string name;               // appears in refusals and metrics
  std::uint32_t entries_max = 0;  // no default, at least 1
  // Of all that is kept, with what keeping it takes; 0: values are small, and
  // entries_max bounds them well enough.
  Bytes bytes_max = {};
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
  std::uint64_t bytes = 0;    // now
  std::uint64_t fresh = 0;
  std::uint64_t stale = 0;
  std::uint64_t stale_on_error = 0;
  std::uint64_t missed = 0;  // calls that waited for a load
  std::uint64_t evicted = 0;
  std::uint64_t too_large = 0;  // values that there was no room for
  SingleflightStats loads;
};

namespace internal {

// Of a string, a vector and the like what it holds; of anything else itself.
template <typename Value>
std::uint64_t bytes_of(const Value& value) {
  if constexpr (requires { value.size() * sizeof(*value.data()); }) {
    return sizeof(Value) + value.size() * sizeof(*value.data());
  } else {
    return sizeof(Value);
  }
}

}  // namespace internal

template <typename Key, typename Value, typename Hash = std::hash<Key>>
class Cache {
  using Flights = Singleflight<Key, Value, Hash>;

 public:
  using Load = Flights::Load;
  using OwnLoad = Flights::OwnLoad;
  // Of what is kept, beside the key's and the entry's own size.
  using SizeOf = std::function<std::uint64_t(const Value&)>;

  struct Found {
    Value value;
    Duration age{};  // since it was loaded
    Freshness freshness = Freshness::loaded;
  };

  // `load` empty: each call brings its own. `size_of` is asked once for each value
  // kept; the default knows strings, vectors and what is its own size.
  Cache(CacheOptions options, Load load, SizeOf size_of = internal::bytes_of<Value>)
      : options_(std::move(options)),
        load_(std::move(load)),
        size_of_(std::move(size_of)),
        flights_({.name = options_.name,
                  .flights_max = options_.loads_max,
                  .callers_max = options_.callers_max,
                  .flight_timeout = options_.load_timeout},
                 [this](core::Context& context, const Key& key) {
                   return keep_what_comes(key, load_(context, key), AllGood{});
                 }) {
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
  core::task<Result<Found>> get(core::Context& context, Key key) {
    return get_with(context, std::move(key), {}, AllGood{});
  }
  // The same with a load of the caller's, which owns all that it uses: where one is
  // needed and none is under way, it is the one. `good(value)`, which owns what it
  // uses as well: whether it is an answer, and not a failure in the shape of one;
  // what is not is given, but not kept, and what is stale is given before it.
  template <typename Good>
  core::task<Result<Found>> get(core::Context& context, Key key, OwnLoad load, Good good) {
    OwnLoad keeping = [this, load = std::move(load), good](core::Context& own, const Key& of) mutable {
      return keep_what_comes(of, load(own, of), good);
    };
    return get_with(context, std::move(key), std::move(keeping), std::move(good));
  }

  // What is here and fresh; counts where it is as get() does, and else as nothing.
  // For who would have to make a load first.
  std::optional<Found> fresh(const Key& key);

  // What is here, however old, and without a load: for when nothing else is to
  // be had. Counts as no use.
  std::optional<Found> peek(const Key& key) const;

  // Another room and other times from now on: entries_max, bytes_max, fresh_for,
  // stale_while_revalidate and stale_if_error, as for the constructor; the rest stays.
  // What is here is as fresh as the new times say, and goes where there is no room.
  void adjust(const CacheOptions& to);

  CacheStats stats() const {
    CacheStats now;
    {
      const std::lock_guard guard(mutex_);
      now = stats_;
      now.entries = entries_.size();
      now.bytes = bytes_;
    }
    now.loads = flights_.stats();
    return now;
  }

 private:
  struct Entry {
    Value value;
    TimePoint loaded_at;
    std::list<Key>::iterator use;  // in uses_
    std::uint64_t bytes;           // of bytes_
  };
  using Entries = std::unordered_map<Key, Entry, Hash>;
  struct AllGood {
    bool operator()(const Result<Value>&) const { return true; }
  };

  template <typename IsGood>
  core::task<Result<Found>> get_with(core::Context& context, Key key, OwnLoad load, IsGood good);
  // `key` is the flight's.
  template <typename IsGood>
  core::task<Result<Value>> keep_what_comes(const Key& key, core::task<Result<Value>> loading, IsGood good);
  void keep(const Key& key, const Value& value);
  void erase_locked(Entries::iterator entry);
  // Until there is room for one more of so many bytes.
  void make_room_locked(std::uint64_t entries, std::uint64_t bytes);
  // What is here and young enough to be given in some case.
  std::optional<Found> look_up(const Key& key);
  // Not where nobody is there to take it, or where the dependency is well and says no.
  static bool may_be_stale(const Result<Value>& loaded) {
    return loaded ||
           (loaded.error().kind != ErrorKind::cancelled && loaded.error().kind != ErrorKind::invalid);
  }
  void count_stale_on_error() {
    const std::lock_guard guard(mutex_);
    ++stats_.stale_on_error;
  }

  CacheOptions options_;  // what adjust() changes is guarded by mutex_
  const Load load_;
  const SizeOf size_of_;
  mutable std::mutex mutex_;  // never held across a co_await
  Entries entries_;           // guarded by mutex_, as all below
  std::list<Key> uses_;       // the latest last
  std::uint64_t bytes_ = 0;
  CacheStats stats_;
  Flights flights_;
};

template <typename Key, typename Value, typename Hash>
template <typename IsGood>
auto Cache<Key, Value, Hash>::get_with(core::Context& context, Key key, OwnLoad load, IsGood good)
    -> core::task<Result<Found>> {
  std::optional<Found> here = look_up(key);
  if (here && here->freshness == Freshness::fresh) co_return std::move(*here);
  if (here && here->freshness == Freshness::stale) {
    // Refused, there is another time.
    (void)flights_.start(std::move(key), std::move(load));
    co_return std::move(*here);
  }
  Result<Value> loaded = co_await flights_.get(context, std::move(key), std::move(load));
  const bool answered = loaded && good(loaded);
  if (!answered && here && may_be_stale(loaded)) {
    count_stale_on_error();
    co_return std::move(*here);
  }
  if (!loaded) co_return std::unexpected(loaded.error());
  co_return Found{.value = std::move(*loaded)};
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
auto Cache<Key, Value, Hash>::fresh(const Key& key) -> std::optional<Found> {
  const TimePoint now = core::now();
  const std::lock_guard guard(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  const Duration age = std::max(now - found->second.loaded_at, Duration::zero());
  if (age >= options_.fresh_for) return std::nullopt;
  uses_.splice(uses_.end(), uses_, found->second.use);
  ++stats_.fresh;
  return Found{.value = found->second.value, .age = age, .freshness = Freshness::fresh};
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
template <typename IsGood>
core::task<Result<Value>> Cache<Key, Value, Hash>::keep_what_comes(const Key& key,
                                                                   core::task<Result<Value>> loading,
                                                                   IsGood good) {
  Result<Value> loaded = co_await std::move(loading);
  if (loaded && good(loaded)) keep(key, *loaded);
  co_return loaded;
}

template <typename Key, typename Value, typename Hash>
void Cache<Key, Value, Hash>::keep(const Key& key, const Value& value) {
  const TimePoint now = core::now();
  // The key is kept twice; eight words are what its places in the two take.
  const std::uint64_t bytes =
      size_of_(value) + 2 * internal::bytes_of(key) + sizeof(Entry) - sizeof(Value) + 8 * sizeof(void*);
  const std::lock_guard guard(mutex_);
  if (const auto found = entries_.find(key); found != entries_.end()) erase_locked(found);
  if (options_.bytes_max.count > 0 && bytes > options_.bytes_max.count) {
    ++stats_.too_large;
    return;
  }
  make_room_locked(1, bytes);
  uses_.push_back(key);
  entries_.emplace(key, Entry{value, now, std::prev(uses_.end()), bytes});
  bytes_ += bytes;
}

template <typename Key, typename Value, typename Hash>
void Cache<Key, Value, Hash>::make_room_locked(std::uint64_t entries, std::uint64_t bytes) {
  while (!entries_.empty() && (entries_.size() + entries > options_.entries_max ||
                               (options_.bytes_max.count > 0 && bytes_ > options_.bytes_max.count - bytes))) {
    erase_locked(entries_.find(uses_.front()));
    ++stats_.evicted;
  }
}

template <typename Key, typename Value, typename Hash>
void Cache<Key, Value, Hash>::adjust(const CacheOptions& to) {
  WEIR_CHECK(to.entries_max > 0 && to.fresh_for > Duration::zero(), "a cache keeps one, for a while");
  const std::lock_guard guard(mutex_);
  options_.entries_max = to.entries_max;
  options_.bytes_max = to.bytes_max;
  options_.fresh_for = to.fresh_for;
  options_.stale_while_revalidate = to.stale_while_revalidate;
  options_.stale_if_error = to.stale_if_error;
  make_room_locked(0, 0);
}

template <typename Key, typename Value, typename Hash>
void Cache<Key, Value, Hash>::erase_locked(Entries::iterator entry) {
  bytes_ -= entry->second.bytes;
  uses_.erase(entry->second.use);
  entries_.erase(entry);
}

}  // namespace weir::resilience

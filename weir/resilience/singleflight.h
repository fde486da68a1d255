// Callers who want the same thing at the same time get one answer, which is
// fetched once.
//
//   Singleflight<std::string, Page> pages({.name = "pages", .flights_max = 100, .callers_max = 10'000},
//   load); scope.spawn(std::move(permit), pages.run(scope.context()));
//   ...
//   Result<Page> page = co_await pages.get(ctx, "front");
//
// A flight is one call of `load(context, key)`. It runs in run()'s scope and not
// in a caller's, so that a caller who is cancelled leaves at once and the others
// lose nothing; when the last has left, the flight is cancelled. All get copies
// of its value, its error or its exception. Who comes after it has landed begins
// another: nothing is kept (cache.h keeps).
//
// `load` refers to nothing of a caller's: it is given once, to the constructor,
// or with each call, and then goes with the flight that the call begins (a call
// that finds one under way drops its own). Key is hashed and compared; Value is copied to each caller (a
// shared_ptr to what is large).
//
// Called by tasks, on any processor. It outlives run() and every get().
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "weir/base/check.h"
#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/channel.h"
#include "weir/core/context.h"
#include "weir/core/event.h"
#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"

namespace weir::resilience {

struct SingleflightOptions {
  std::string name;               // appears in refusals and metrics
  std::uint32_t flights_max = 0;  // at once, those being cancelled included: keys; no default, at least 1
  std::uint32_t callers_max = 0;  // waiting for any flight; no default, at least 1
  Duration flight_timeout = {};   // of each flight; 0: as long as its callers wait
};

// A snapshot; counts since construction.
struct SingleflightStats {
  std::uint64_t flights = 0;  // now
  std::uint64_t callers = 0;  // now
  std::uint64_t started = 0;
  std::uint64_t joined = 0;     // callers who found a flight under way
  std::uint64_t abandoned = 0;  // flights whose last caller left
  std::uint64_t thrown = 0;     // flights that ended in an exception, whoever got it
  std::uint64_t refused = 0;    // callers
};

template <typename Key, typename Value, typename Hash = std::hash<Key>>
class Singleflight {
  static_assert(std::is_copy_constructible_v<Value>, "each caller gets a copy");

 public:
  using Load = std::function<core::task<Result<Value>>(core::Context&, const Key&)>;
  // Of one call: owns all that it uses.
  using OwnLoad = std::move_only_function<core::task<Result<Value>>(core::Context&, const Key&)>;

  // `load` empty: each call brings its own.
  Singleflight(SingleflightOptions options, Load load)
      : options_(std::move(options)),
        load_(std::move(load)),
        flying_({.name = options_.name, .limit = options_.flights_max}),
        starts_({.capacity = options_.flights_max, .waiters_max = 1}) {
    WEIR_CHECK(options_.flights_max > 0 && options_.callers_max > 0, "a singleflight needs room for one");
  }

  // Runs the flights, until it is cancelled; once. Then flights are cancelled,
  // and their callers and those who come are refused (draining).
  core::task<> run(core::Context& context);

  // Errors: those of load(), which all callers of the flight get; overloaded
  // (keys_full: flights_max are under way; queue_full: callers_max wait;
  // draining), deadline and cancelled from the caller's context. Throws what
  // load() threw. Cancellation: the caller leaves; the flight goes on while
  // another waits for it.
  core::task<Result<Value>> get(core::Context& context, Key key, OwnLoad load = {});

  // Begins a flight unless one is under way, and does not wait for it: it flies
  // to its end, whoever waits or leaves. Any thread. Errors: overloaded
  // (keys_full, draining).
  Result<> start(Key key, OwnLoad load = {});

  SingleflightStats stats() const {
    const std::lock_guard guard(mutex_);
    SingleflightStats now = stats_;
    now.flights = flying_.stats().in_use;
    return now;
  }

 private:
  struct Flight {
    Flight(Key the_key, OwnLoad the_load, core::Permit the_permit, std::uint32_t callers_max)
        : key(std::move(the_key)),
          load(std::move(the_load)),
          permit(std::move(the_permit)),
          done({.waiters_max = callers_max}) {}

    const Key key;
    OwnLoad load;                                      // empty: the one of all; its task's
    core::Permit permit;                               // until it is spawned
    core::Context* context = nullptr;                  // while it flies; guarded by mutex_
    std::uint32_t callers = 0;                         // guarded by mutex_
    bool kept = false;                                 // begun by start(); guarded by mutex_
    bool abandoned = false;                            // guarded by mutex_
    Result<Value> result = fail(ErrorKind::internal);  // written before done, read after
    std::exception_ptr thrown;                         // as result
    core::Event done;
  };
  using FlightPointer = std::shared_ptr<Flight>;

  Result<FlightPointer> join(Key key, OwnLoad& load);
  // The one under way, or a new one, which takes `load`.
  Result<FlightPointer> find_or_begin_locked(Key key, OwnLoad& load);
  std::unexpected<Error> refuse_locked(Reason reason) {
    ++stats_.refused;
    return fail(ErrorKind::overloaded, reason, options_.name);
  }
  void leave(Flight& flight);
  core::task<> fly(core::Context& context, FlightPointer flight);
  bool take_off(Flight& flight, core::Context& own);
  void land(Flight& flight);
  void remove_locked(const Flight& flight);

  const SingleflightOptions options_;
  const Load load_;
  core::Limit flying_;
  core::Channel<FlightPointer> starts_;
  mutable std::mutex mutex_;                              // never held across a co_await
  std::unordered_map<Key, FlightPointer, Hash> flights_;  // to be joined; guarded by mutex_, as all below
  bool closed_ = false;
  SingleflightStats stats_;
};

template <typename Key, typename Value, typename Hash>
core::task<Result<Value>> Singleflight<Key, Value, Hash>::get(core::Context& context, Key key, OwnLoad load) {
  Result<FlightPointer> joined = join(std::move(key), load);
  if (!joined) co_return std::unexpected(joined.error());
  const FlightPointer flight = std::move(*joined);
  const Result<> landed = co_await flight->done.wait(context);
  leave(*flight);
  if (!landed) co_return std::unexpected(landed.error());
  if (flight->thrown) std::rethrow_exception(flight->thrown);
  co_return flight->result;
}

template <typename Key, typename Value, typename Hash>
Result<> Singleflight<Key, Value, Hash>::start(Key key, OwnLoad load) {
  const std::lock_guard guard(mutex_);
  const Result<FlightPointer> flight = find_or_begin_locked(std::move(key), load);
  if (!flight) return std::unexpected(flight.error());
  (*flight)->kept = true;
  return {};
}

template <typename Key, typename Value, typename Hash>
auto Singleflight<Key, Value, Hash>::join(Key key, OwnLoad& load) -> Result<FlightPointer> {
  const std::lock_guard guard(mutex_);
  if (stats_.callers == options_.callers_max) return refuse_locked(Reason::queue_full);
  Result<FlightPointer> flight = find_or_begin_locked(std::move(key), load);
  if (!flight) return flight;
  ++(*flight)->callers;
  ++stats_.callers;
  return flight;
}

template <typename Key, typename Value, typename Hash>
auto Singleflight<Key, Value, Hash>::find_or_begin_locked(Key key, OwnLoad& load) -> Result<FlightPointer> {
  if (closed_) return refuse_locked(Reason::draining);
  if (const auto found = flights_.find(key); found != flights_.end()) {
    ++stats_.joined;
    return found->second;
  }
  Result<core::Permit> permit = flying_.try_acquire();
  if (!permit) return refuse_locked(Reason::keys_full);
  auto flight =
      std::make_shared<Flight>(std::move(key), std::move(load), std::move(*permit), options_.callers_max);
  flights_.emplace(flight->key, flight);
  // Open, and as many places as there are permits.
  const Result<> sent = starts_.try_send(FlightPointer(flight));
  WEIR_CHECK(sent, "a flight that has a permit has a place");
  ++stats_.started;
  return flight;
}

template <typename Key, typename Value, typename Hash>
void Singleflight<Key, Value, Hash>::leave(Flight& flight) {
  const std::lock_guard guard(mutex_);
  --stats_.callers;
  if (--flight.callers > 0 || flight.kept || flight.done.is_set()) return;
  flight.abandoned = true;
  ++stats_.abandoned;
  remove_locked(flight);
  if (flight.context != nullptr) flight.context->cancel();
}

template <typename Key, typename Value, typename Hash>
core::task<> Singleflight<Key, Value, Hash>::run(core::Context& context) {
  (void)co_await core::with_scope(context, [this](core::Scope& scope) -> core::task<> {
    while (Result<FlightPointer> next = co_await starts_.receive(scope.context())) {
      core::Permit permit = std::move((*next)->permit);
      scope.spawn(std::move(permit), fly(scope.context(), std::move(*next)));
    }
    const std::lock_guard guard(mutex_);
    closed_ = true;
    starts_.close();
  });
  while (Result<FlightPointer> left = starts_.try_receive()) {
    (*left)->result = fail(ErrorKind::overloaded, Reason::draining, options_.name);
    (*left)->permit.release();
    land(**left);
  }
}

template <typename Key, typename Value, typename Hash>
core::task<> Singleflight<Key, Value, Hash>::fly(core::Context& context, FlightPointer flight) {
  const Duration timeout = options_.flight_timeout;
  core::Context own(context, timeout > Duration::zero() ? saturating_add(core::now(), timeout) : kNever);
  if (!take_off(*flight, own)) co_return;
  try {
    if (flight->load) {
      flight->result = co_await flight->load(own, flight->key);
    } else {
      flight->result = co_await load_(own, flight->key);
    }
  } catch (...) {
    flight->thrown = std::current_exception();
  }
  // What it holds is not kept for as long as somebody reads the result.
  flight->load = nullptr;
  // Not the callers' cancellation: they are to try elsewhere.
  if (context.cancelled() && !flight->result && flight->result.error().kind == ErrorKind::cancelled)
    flight->result = fail(ErrorKind::overloaded, Reason::draining, options_.name);
  land(*flight);
}

// False: nobody waits for it any more.
template <typename Key, typename Value, typename Hash>
bool Singleflight<Key, Value, Hash>::take_off(Flight& flight, core::Context& own) {
  const std::lock_guard guard(mutex_);
  flight.context = &own;
  if (flight.abandoned) flight.context = nullptr;
  return !flight.abandoned;
}

template <typename Key, typename Value, typename Hash>
void Singleflight<Key, Value, Hash>::land(Flight& flight) {
  const std::lock_guard guard(mutex_);
  flight.context = nullptr;
  if (flight.thrown) ++stats_.thrown;
  remove_locked(flight);
  flight.done.set();
}

// Another may fly under its key by now, when it was abandoned.
template <typename Key, typename Value, typename Hash>
void Singleflight<Key, Value, Hash>::remove_locked(const Flight& flight) {
  const auto found = flights_.find(flight.key);
  if (found != flights_.end() && found->second.get() == &flight) flights_.erase(found);
}

}  // namespace weir::resilience

#include "weir/net/dns.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/blocking.h"
#include "weir/core/event.h"
#include "weir/core/now.h"
#include "weir/net/internal/host_name.h"

namespace weir::net {
namespace {

Resolver::Options sound(Resolver::Options options) {
  options.names_max = std::max(options.names_max, 1u);
  options.lookups_max = std::max(options.lookups_max, 1u);
  options.lookups_queued_max = std::max(options.lookups_queued_max, 1u);
  options.addresses_max = std::max(options.addresses_max, 1u);
  return options;
}

Result<Resolver::Addresses> with_port(Result<Resolver::Addresses> found, std::uint16_t port) {
  if (!found) return found;
  for (SocketAddress& address : *found) address = address.with_port(port);
  return found;
}

}  // namespace

// One look-up, and those who wait for it.
struct Resolver::Flight {
  explicit Flight(std::string of) : name(std::move(of)) {}

  const std::string name;
  core::Event landed;
  Result<Addresses> outcome;  // before `landed`
};

Resolver::Resolver(Options options)
    : options_(sound(std::move(options))),
      lookups_({.name = "name look-ups",
                .limit = options_.lookups_max,
                .queue_depth = options_.lookups_queued_max}),
      waiting_({.capacity = options_.lookups_queued_max}) {}

Resolver::~Resolver() = default;

core::task<Result<Resolver::Addresses>> Resolver::resolve(core::Context& context, std::string_view host,
                                                          std::uint16_t port) {
  if (auto known = internal::known_addresses(host)) co_return with_port(std::move(*known), port);
  std::optional<std::string> name = internal::canonical_name(host);
  if (!name) co_return fail(ErrorKind::invalid, Reason::malformed, "name");
  std::shared_ptr<Flight> flight;
  {
    const std::lock_guard guard(lock_);
    const Result<Entry*> entry = entry_locked(*name);
    if (!entry) co_return std::unexpected(entry.error());
    if (auto known = known_locked(**entry, core::now())) co_return with_port(std::move(*known), port);
    flight = (*entry)->flight;
  }
  if (Result<> landed = co_await flight->landed.wait(context); !landed) {
    co_return std::unexpected(landed.error());
  }
  co_return with_port(outcome_of(*flight, core::now()), port);
}

Result<Resolver::Entry*> Resolver::entry_locked(const std::string& name) {
  if (const auto found = index_.find(name); found != index_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return &*found->second;
  }
  if (entries_.size() >= options_.names_max && !evict_locked()) {
    ++stats_.refused;
    return fail(ErrorKind::overloaded, Reason::keys_full, "names");
  }
  Entry& entry = entries_.emplace_front();
  entry.name = name;
  index_.emplace(entry.name, entries_.begin());
  return &entry;
}

bool Resolver::evict_locked() {
  const auto oldest = std::find_if(entries_.rbegin(), entries_.rend(),
                                   [](const Entry& entry) { return entry.flight == nullptr; });
  if (oldest == entries_.rend()) return false;
  index_.erase(oldest->name);
  entries_.erase(std::next(oldest).base());
  ++stats_.evicted;
  return true;
}

std::optional<Result<Resolver::Addresses>> Resolver::known_locked(Entry& entry, TimePoint now) {
  const Duration age = now - entry.found_at;
  if (!entry.addresses.empty() && age < options_.fresh_for) {
    ++stats_.hits;
    // Beside the answer: who comes later is not to wait. What does not begin now
    // is tried by the next.
    const bool asked_just_now = entry.failed && now - entry.asked_at < options_.absent_for;
    if (age >= options_.fresh_for / 4 * 3 && entry.flight == nullptr && !asked_just_now) {
      (void)begin_locked(entry);
    }
    return entry.addresses;
  }
  if (entry.failed && entry.flight == nullptr && now - entry.asked_at < options_.absent_for) {
    ++stats_.hits;
    if (entry.addresses.empty() || age >= options_.fresh_for + options_.stale_for) {
      return std::unexpected(entry.error);
    }
    ++stats_.stale;
    return entry.addresses;
  }
  if (entry.flight != nullptr) {
    ++stats_.joined;
    return std::nullopt;
  }
  if (Result<> begun = begin_locked(entry); !begun) return std::unexpected(begun.error());
  return std::nullopt;
}

Result<> Resolver::begin_locked(Entry& entry) {
  if (ended_) return fail(ErrorKind::overloaded, Reason::draining, "name look-ups");
  auto flight = std::make_shared<Flight>(entry.name);
  if (Result<> sent = waiting_.try_send(std::shared_ptr(flight)); !sent) {
    ++stats_.refused;
    return fail(ErrorKind::overloaded, Reason::queue_full, "name look-ups");
  }
  ++stats_.lookups;
  entry.flight = std::move(flight);
  return {};
}

core::task<void> Resolver::run(core::Context& context) {
  (void)co_await core::with_scope(context, [this](core::Scope& scope) -> core::task<> {
    for (;;) {
      Result<std::shared_ptr<Flight>> next = co_await waiting_.receive(scope.context());
      if (!next) break;
      Result<core::Permit> permit = co_await lookups_.acquire(scope.context());
      if (permit) {
        scope.spawn(std::move(*permit), fly(scope.context(), std::move(*next)));
      } else {
        land(**next, std::unexpected(permit.error()));
      }
    }
  });
  {
    const std::lock_guard guard(lock_);
    ended_ = true;
  }
  while (const auto left = waiting_.try_receive()) {
    land(**left, fail(ErrorKind::overloaded, Reason::draining, "name look-ups"));
  }
}

core::task<void> Resolver::fly(core::Context& context, std::shared_ptr<Flight> flight) {
  Result<Addresses> outcome = fail(ErrorKind::internal, Reason::none, "name look-up");
  core::Event done;
  core::Limit asking({.name = "name look-up", .limit = 1});
  Result<core::Permit> permit = asking.try_acquire();
  WEIR_CHECK(permit, "the first of one");
  bool given_up = false;
  // A thread in the system's resolver cannot be called back: whoever waits for it
  // is told in time, and it keeps its permit until it returns.
  (void)co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
    scope.spawn(std::move(*permit), ask(scope.context(), flight->name, outcome, done));
    const TimePoint until = saturating_add(core::now(), options_.lookup_timeout);
    if (co_await done.wait(scope.context(), until)) co_return;
    given_up = true;
    land(*flight, scope.context().check(core::now())
                      ? fail(ErrorKind::disconnected, Reason::timed_out, "name look-up")
                      : fail(ErrorKind::overloaded, Reason::draining, "name look-ups"));
    scope.cancel();
  });
  if (given_up) co_return;
  if (outcome && outcome->size() > options_.addresses_max) {
    outcome->erase(outcome->begin() + options_.addresses_max, outcome->end());
  }
  if (outcome && outcome->empty()) outcome = fail(ErrorKind::invalid, Reason::unresolved, "name");
  land(*flight, std::move(outcome));
}

core::task<void> Resolver::ask(core::Context& context, std::string name, Result<Addresses>& outcome,
                               core::Event& done) {
  if (options_.look_up) {
    outcome = co_await options_.look_up(context, std::move(name));
  } else {
    core::Limit thread({.name = "name look-up", .limit = 1});  // the bound is lookups_
    outcome = co_await core::blocking(thread, context, [name, most = options_.addresses_max] {
      return internal::look_up_blocking(name, most);
    });
  }
  done.set();
}

void Resolver::land(Flight& flight, Result<Addresses> outcome) {
  const TimePoint now = core::now();
  const std::lock_guard guard(lock_);
  const bool absent = !outcome && outcome.error().kind == ErrorKind::invalid;
  if (absent) ++stats_.absent;
  if (!outcome && !absent) ++stats_.failed;
  if (const auto found = index_.find(flight.name); found != index_.end()) {
    Entry& entry = *found->second;
    entry.flight.reset();
    entry.asked_at = now;
    entry.failed = !outcome;
    if (outcome) {
      entry.addresses = *outcome;
      entry.found_at = now;
    } else {
      entry.error = outcome.error();
      // That it does not exist any more is an answer, and no failure to get one.
      if (absent) entry.addresses.clear();
    }
  }
  flight.outcome = std::move(outcome);
  flight.landed.set();
}

Result<Resolver::Addresses> Resolver::outcome_of(const Flight& flight, TimePoint now) {
  if (flight.outcome || flight.outcome.error().kind == ErrorKind::invalid) return flight.outcome;
  const std::lock_guard guard(lock_);
  const auto found = index_.find(flight.name);
  if (found == index_.end() || found->second->addresses.empty()) return flight.outcome;
  if (now - found->second->found_at >= options_.fresh_for + options_.stale_for) return flight.outcome;
  ++stats_.stale;
  return found->second->addresses;
}

Resolver::Stats Resolver::stats() const {
  const std::lock_guard guard(lock_);
  Stats stats = stats_;
  stats.names = entries_.size();
  return stats;
}

Result<Resolver::Addresses> resolve_all(std::string_view host, std::uint16_t port) {
  if (auto known = internal::known_addresses(host)) return with_port(std::move(*known), port);
  const std::optional<std::string> name = internal::canonical_name(host);
  if (!name) return fail(ErrorKind::invalid, Reason::malformed, "name");
  return with_port(internal::look_up_blocking(*name, Resolver::Options{}.addresses_max), port);
}

}  // namespace weir::net

#include "weir/chaos/proxy.h"

#include <algorithm>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/core/sleep.h"

namespace weir::chaos {

using internal::Alarm;
using internal::Connection;
using internal::FaultSet;

namespace {

constexpr std::size_t kListenersMax = 256;

}  // namespace

struct Proxy::Enrolled {
  Proxy& proxy;
  Connection& connection;

  Enrolled(Proxy& to, Connection& one) : proxy(to), connection(one) {
    // In the order of their numbers, which are given under the same lock.
    proxy.connections_.push_back(one);
    one.meet(proxy.set_);
  }
  ~Enrolled() {
    const std::lock_guard guard(proxy.lock_);
    connection.unlink();
  }
  Enrolled(const Enrolled&) = delete;
  Enrolled& operator=(const Enrolled&) = delete;
};

Proxy::Proxy(const Options& options)
    : options_(options),
      acceptors_({.name = "acceptors", .limit = kListenersMax}),
      connections_limit_({.name = "connections", .limit = options.connections_max}),
      second_tasks_({.name = "second_tasks", .limit = options.connections_max}),
      set_(std::make_shared<const FaultSet>()) {}

Proxy::~Proxy() = default;

core::task<Result<>> Proxy::serve(core::Context& context, std::vector<net::Listener> listeners) {
  if (listeners.empty() || listeners.size() > kListenersMax) {
    co_return fail(ErrorKind::invalid, Reason::none, "listeners");
  }
  co_return co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
    for (net::Listener& listener : listeners) {
      Alarm* alarm = nullptr;
      {
        const std::lock_guard guard(lock_);
        alarm = &alarms_.emplace_back();
      }
      scope.spawn(std::move(*acceptors_.try_acquire()), accept_all(scope, std::move(listener), *alarm));
    }
    co_return;
  });
}

core::task<Result<>> Proxy::accept_all(core::Scope& scope, net::Listener listener, Alarm& alarm) {
  core::Context& context = scope.context();
  Result<> outcome;
  for (;;) {
    alarm.take(context);
    if (draining_.load(std::memory_order_relaxed) || context.cancelled()) break;
    if (partitioned()) {
      static_cast<void>(co_await core::sleep_until(alarm.context(), kNever));
      continue;
    }
    Result<net::Socket> client = co_await listener.accept(alarm.context());
    if (!client) {
      if (client.error().kind == ErrorKind::cancelled) continue;
      outcome = std::unexpected(client.error());
      break;
    }
    Result<core::Permit> permit = connections_limit_.try_acquire();
    if (!permit) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      client->abort();
      continue;
    }
    // As many as there are of the first, each given back before its first.
    Result<core::Permit> second = second_tasks_.try_acquire();
    WEIR_CHECK(second, "two tasks for each connection");
    scope.spawn(std::move(*permit), carry(context, std::move(*client), std::move(*second)));
  }
  alarm.end();
  co_return outcome;
}

core::task<void> Proxy::carry(core::Context& context, net::Socket client, core::Permit second) {
  std::optional<Connection> connection;
  std::optional<Enrolled> enrolled;
  {
    const std::lock_guard guard(lock_);
    connection.emplace(Connection::Options{.number = ++accepted_,
                                           .protocol = options_.protocol,
                                           .upstream = options_.upstream,
                                           .connect_timeout = options_.connect_timeout,
                                           .buffer_max = options_.buffer_max},
                       totals_);
    enrolled.emplace(*this, *connection);
  }
  co_await connection->run(context, std::move(client), std::move(second));
}

bool Proxy::partitioned() {
  const std::lock_guard guard(lock_);
  return std::ranges::any_of(set_->faults, [](const internal::ActiveFault& active) {
    return std::holds_alternative<PartitionFault>(active.said.fault);
  });
}

void Proxy::begin(std::size_t event, const Event& said, FaultTally& record) {
  const std::lock_guard guard(lock_);
  WEIR_CHECK(!set_->has(event), "an event is on once");
  FaultSet set = *set_;
  set.faults.push_back({.event = event, .said = said, .since = core::now(), .record = &record});
  change_locked(std::move(set));
}

void Proxy::end(std::size_t event) {
  const std::lock_guard guard(lock_);
  if (!set_->has(event)) return;
  FaultSet set = *set_;
  std::erase_if(set.faults, [event](const internal::ActiveFault& active) { return active.event == event; });
  change_locked(std::move(set));
}

void Proxy::end_all() {
  const std::lock_guard guard(lock_);
  change_locked({});
}

void Proxy::change_locked(FaultSet set) {
  set_ = std::make_shared<const FaultSet>(std::move(set));
  connections_.for_each([this](Connection& connection) { connection.meet(set_); });
  for (Alarm& alarm : alarms_) alarm.ring();
}

void Proxy::drain() {
  draining_.store(true, std::memory_order_relaxed);
  const std::lock_guard guard(lock_);
  for (Alarm& alarm : alarms_) alarm.ring();
}

Proxy::Stats Proxy::stats() const {
  const auto read = [](const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  const std::lock_guard guard(lock_);
  return {.accepted = accepted_,
          .open = connections_limit_.stats().in_use,
          .refused = read(refused_),
          .unreachable = read(totals_.unreachable),
          .bytes_up = read(totals_.bytes[internal::kUp]),
          .bytes_down = read(totals_.bytes[internal::kDown])};
}

}  // namespace weir::chaos

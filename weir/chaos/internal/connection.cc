#include "weir/chaos/internal/connection.h"

#include <algorithm>
#include <utility>

#include "weir/core/now.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::chaos::internal {

Connection::Connection(const Options& options, Totals& totals) : options_(options), totals_(totals) {
  if (options.protocol == Protocol::http) http_.emplace();
}

void Connection::meet(std::shared_ptr<const FaultSet> set) {
  {
    const std::lock_guard guard(lock_);
    std::erase_if(struck_, [&](const Struck& struck) { return !set->has(struck.event); });
    const TimePoint now = core::now();
    for (const ActiveFault& active : set->faults) {
      const Fault& fault = active.said.fault;
      if (!is_of_connections(fault, options_.protocol)) continue;
      // These two are for new ones.
      const bool of_beginnings =
          std::holds_alternative<HangFault>(fault) || std::holds_alternative<RefuseFault>(fault);
      if (of_beginnings && !is_new_) continue;
      if (std::ranges::find(struck_, active.event, &Struck::event) != struck_.end()) continue;
      struck_.push_back({.event = active.event,
                         .hit = active.record->match(active.said.occurrence) != 0,
                         .since = is_new_ ? now : active.since,
                         .bytes = bytes(),
                         .bytes_down = bytes_[kDown].load(std::memory_order_relaxed)});
    }
    is_new_ = false;
    plight_ = plight_of(std::move(set), struck_);
  }
  for (Alarm& alarm : alarms_) alarm.ring();
}

std::shared_ptr<const Plight> Connection::plight() {
  const std::lock_guard guard(lock_);
  return plight_;
}

void Connection::count_bytes(std::size_t way, std::uint64_t bytes) {
  bytes_[way].fetch_add(bytes, std::memory_order_relaxed);
  totals_.bytes[way].fetch_add(bytes, std::memory_order_relaxed);
}

void Connection::take_back_bytes(std::size_t way, std::uint64_t bytes) {
  if (bytes == 0) return;
  bytes_[way].fetch_sub(bytes, std::memory_order_relaxed);
  totals_.bytes[way].fetch_sub(bytes, std::memory_order_relaxed);
}

void Connection::strike(FaultTally& record) {
  const std::lock_guard guard(lock_);
  if (std::ranges::find(done_, &record) != done_.end()) return;
  done_.push_back(&record);
  record.count_done();
}

// Errors: cancelled, also where a fault ends the connection before it began.
core::task<Result<>> Connection::wait_to_begin(core::Context& context) {
  Alarm& alarm = alarms_[kDown];
  Result<> outcome;
  for (;;) {
    alarm.take(context);
    const std::shared_ptr<const Plight> now_under = plight();
    if (now_under->refuse != nullptr || core::now() >= now_under->reset_at) {
      strike(now_under->refuse != nullptr ? *now_under->refuse : *now_under->reset);
      end(Ending::reset);
      outcome = fail(ErrorKind::cancelled);
      break;
    }
    FaultTally* const held_by = now_under->hang != nullptr ? now_under->hang : now_under->partition;
    if (held_by == nullptr) break;
    strike(*held_by);
    static_cast<void>(co_await core::sleep_until(alarm.context(), now_under->reset_at));
    if (outcome = context.check(core::now()); !outcome) break;
  }
  alarm.end();  // the pumps' waits are under another context
  co_return outcome;
}

core::task<Result<>> Connection::pump_both(core::Context& context, net::Socket& client, net::Socket& upstream,
                                           core::Permit second) {
  Pump up(kUp, {.from = client, .to = upstream}, *this, options_.number, options_.buffer_max);
  Pump down(kDown, {.from = upstream, .to = client}, *this, options_.number, options_.buffer_max);
  co_return co_await core::with_scope(context, [&](core::Scope& pumps) -> core::task<Result<>> {
    pumps.spawn(std::move(second), up.run(pumps.context()));
    co_return co_await down.run(pumps.context());
  });
}

core::task<void> Connection::run(core::Context& context, net::Socket client, core::Permit second) {
  if (const Result<> begun = co_await wait_to_begin(context); !begun) {
    client.abort();
    co_return;
  }
  Result<net::Socket> upstream = co_await net::Socket::connect(
      context, options_.upstream, saturating_add(core::now(), options_.connect_timeout));
  if (!upstream) {
    if (upstream.error().kind != ErrorKind::cancelled) {
      totals_.unreachable.fetch_add(1, std::memory_order_relaxed);
    }
    client.abort();  // as near to a refusal as can be
    co_return;
  }
  const Result<> ended = co_await pump_both(context, client, *upstream, std::move(second));
  const bool broken = !ended && ended.error().where != kEndedByFault;
  if (broken || ending_.load(std::memory_order_relaxed) == Ending::reset) {
    upstream->abort();
    client.abort();
  }
}

}  // namespace weir::chaos::internal

#include "weir/service/health_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <utility>

#include "weir/core/now.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"
#include "weir/resilience/backoff.h"

namespace weir::service {
namespace {

// How long at most it takes until another set of targets is seen.
constexpr Duration kLook = 250ms;
// And at least, where a check takes longer than its interval.
constexpr Duration kPause = 10ms;

core::task<Result<int>> status_of(core::Context& context, const Target& target, const HealthConfig& config) {
  if (!target.can_speak()) co_return fail(ErrorKind::internal, Reason::certificate, "tls files");
  core::Context own(context, saturating_add(core::now(), config.timeout));
  http::Client::Options options = target.client().options();
  options.pool.connections_max = 1;
  options.pool.idle_max = 0;
  options.connect_timeout = config.timeout;
  http::Client client(*target.client().upstreams(), options);
  http::RequestHead request{.method = "GET", .target = config.path};
  // Whom the file names, whatever address that has: what many hosts share tells by it.
  if (std::string host = target.url().host_field(); !host.empty()) (void)request.headers.add("host", host);
  Result<http::ClientResponse> response = co_await client.send(own, request);
  if (!response) co_return std::unexpected(response.error());
  co_return response->head().status;
}

// What one upstream's checks know of one target.
struct Turn {
  explicit Turn(TimePoint when) : due(when) {}
  TimePoint due;
  std::atomic<bool> under_way{false};  // release, with the acquire of who begins the next
};

core::task<> check(core::Context& context, std::shared_ptr<const TargetSet> set,
                   std::shared_ptr<Target> target, std::shared_ptr<Turn> turn) {
  const HealthConfig& config = *set->health;
  const Result<int> status = co_await status_of(context, *target, config);
  if (!context.cancelled()) {
    CheckResult result;
    if (status) {
      const auto got = static_cast<std::uint32_t>(*status);
      result = {.good = got >= config.status_min && got <= config.status_max,
                .why = fmt::format("status {}", *status)};
    } else {
      result.why = status.error().message();
    }
    target->health().checked(config, std::move(result), core::now());
  }
  turn->under_way.store(false, std::memory_order_release);
}

// The turns of the targets that there are.
class Turns {
 public:
  // Begins what is due; when to look again.
  TimePoint begin_due(core::Scope& scope, const std::shared_ptr<const TargetSet>& set, bounds::Bound& bound,
                      TimePoint now) {
    TimePoint next = saturating_add(now, kLook);
    for (const TargetSet::Entry& entry : set->entries) {
      const std::shared_ptr<Turn>& turn = of(entry.target, *set->health, now);
      if (turn->due <= now && !turn->under_way.load(std::memory_order_acquire)) {
        Result<core::Permit> permit = bound.try_acquire();
        if (!permit) break;  // those that are under way end soon
        turn->under_way.store(true, std::memory_order_relaxed);
        turn->due = saturating_add(now, until_next_check(*set->health, rng_));
        scope.spawn(std::move(*permit), check(scope.context(), set, entry.target, turn));
      }
      next = std::min(next, std::max(turn->due, saturating_add(now, kPause)));
    }
    return next;
  }

  // Those that are gone are forgotten.
  void keep_only(const TargetSet& set) {
    std::erase_if(turns_, [&set](const auto& turn) {
      return std::ranges::find(set.entries, turn.first, &TargetSet::Entry::target) == set.entries.end();
    });
  }

 private:
  const std::shared_ptr<Turn>& of(const std::shared_ptr<Target>& target, const HealthConfig& config,
                                  TimePoint now) {
    std::shared_ptr<Turn>& turn = turns_[target];
    if (!turn) turn = std::make_shared<Turn>(saturating_add(now, until_first_check(config, rng_)));
    // An interval that has become shorter counts at once.
    turn->due = std::min(turn->due, saturating_add(now, config.interval + config.interval / 10));
    return turn;
  }

  resilience::SharedRng rng_{std::random_device{}()};
  std::map<std::shared_ptr<Target>, std::shared_ptr<Turn>> turns_;
};

core::task<> check_all(core::Scope& scope, Targets& targets, const std::atomic<bounds::Bound*>& bound) {
  Turns turns;
  for (;;) {
    const TimePoint now = core::now();
    TimePoint next = saturating_add(now, kLook);
    {
      const auto set = targets.current();
      turns.keep_only(*set);
      bounds::Bound* const checks = bound.load(std::memory_order_acquire);
      if (set->health && checks != nullptr) next = turns.begin_due(scope, set, *checks, now);
    }
    if (!co_await core::sleep_until(scope.context(), next)) co_return;
  }
}

}  // namespace

core::task<> check_targets(core::Context& context, Targets& targets,
                           const std::atomic<bounds::Bound*>& bound) {
  (void)co_await core::with_scope(context,
                                  [&](core::Scope& scope) { return check_all(scope, targets, bound); });
}

}  // namespace weir::service

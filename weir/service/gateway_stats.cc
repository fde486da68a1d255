#include "weir/service/gateway_stats.h"

namespace weir::service {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::forwarded: return "forwarded";
    case Outcome::no_route: return "no_route";
    case Outcome::refused_tenant: return "refused_tenant";
    case Outcome::refused_caller: return "refused_caller";
    case Outcome::refused_memory: return "refused_memory";
    case Outcome::refused_tier: return "refused_tier";
    case Outcome::refused_inflight: return "refused_inflight";
    case Outcome::refused_upstream: return "refused_upstream";
    case Outcome::refused_compose: return "refused_compose";
    case Outcome::refused_websockets: return "refused_websockets";
    case Outcome::refused_breaker: return "refused_breaker";
    case Outcome::refused_ports: return "refused_ports";
    case Outcome::refused_throttle: return "refused_throttle";
    case Outcome::upgraded: return "upgraded";
    case Outcome::cached: return "cached";
    case Outcome::joined: return "joined";
    case Outcome::stale: return "stale";
    case Outcome::deferred: return "deferred";
    case Outcome::ticket: return "ticket";
    case Outcome::partial: return "partial";
    case Outcome::fallback: return "fallback";
    case Outcome::upstream_refused: return "upstream_refused";
    case Outcome::upstream_unreachable: return "upstream_unreachable";
    case Outcome::upstream_reset: return "upstream_reset";
    case Outcome::upstream_closed: return "upstream_closed";
    case Outcome::upstream_malformed: return "upstream_malformed";
    case Outcome::upstream_timeout: return "upstream_timeout";
    case Outcome::part_unfit: return "part_unfit";
    case Outcome::upstream_broke_off: return "upstream_broke_off";
    case Outcome::request_body_failed: return "request_body_failed";
    case Outcome::client_gone: return "client_gone";
    case Outcome::internal: return "internal";
  }
  return "unknown";
}

RouteStats::RouteStats(std::string upstream_name, unsigned processors)
    : upstream(std::move(upstream_name)), seconds(processors) {
  outcomes.reserve(kOutcomes);
  for (std::size_t outcome = 0; outcome < kOutcomes; ++outcome) outcomes.emplace_back(processors);
}

void RouteStats::count(Outcome outcome, Duration took) {
  outcomes[static_cast<std::size_t>(outcome)].add();
  if (outcome == Outcome::forwarded) seconds.record(took);
}

}  // namespace weir::service

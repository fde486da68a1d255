#include "weir/service/gateway_metrics.h"

#include <chrono>

#include "weir/service/target_pages.h"

namespace weir::service {
namespace {

double number(std::uint64_t value) { return static_cast<double>(value); }

void expose_route(const RouteStats& stats, observe::Exposition& page) {
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    page.counter("weir_requests_total", "Requests by what became of them.",
                 {{"upstream", stats.upstream}, {"outcome", std::string(to_string(static_cast<Outcome>(i)))}},
                 number(stats.outcomes[i].value()));
  }
}

// As a pool of requests inside the gateway: what asks, what is in, what came of it.
void expose_class(const admission::CostClass& of, observe::Exposition& page) {
  const admission::CostClass::Stats stats = of.stats();
  const observe::Labels labels{{"pool", of.name()}};
  page.gauge("pool_capacity", "Requests that may be inside at once, now.", labels, number(stats.limit));
  page.gauge("pool_inflight", "Requests inside.", labels, number(stats.in_flight));
  page.gauge("pool_queue_depth", "Requests that wait to be let in.", labels, number(stats.queued));
  page.counter("pool_submitted_total", "Requests that asked to be let in: what is offered.", labels,
               number(stats.offered));
  page.counter("pool_admitted_total", "Requests that were let in.", labels, number(stats.admitted));
  const auto completed = [&](const char* outcome, std::uint64_t count) {
    page.counter("pool_completed_total", "Requests that were let in and have ended, by what came of them.",
                 {{"pool", of.name()}, {"outcome", outcome}}, number(count));
  };
  completed("good", stats.good);
  completed("dropped", stats.dropped);
  completed("wasted", stats.wasted);
  page.counter("pool_abandoned_total", "Requests whose client left while they waited.", labels,
               number(stats.abandoned));
  for (const Reason reason : admission::CostClass::kReasons) {
    page.counter("pool_refused_total", "Requests that were refused, evicted and expired ones included.",
                 {{"pool", of.name()}, {"reason", std::string(weir::to_string(reason))}},
                 number(stats.refused_for(reason)));
  }
  const auto seconds = [](Duration span) { return std::chrono::duration<double>(span).count(); };
  page.gauge("pool_queue_delay_seconds", "From being let in to running, lately.", labels,
             seconds(stats.queue_delay));
  page.gauge("pool_wait_seconds", "In the queue, of those who were served, lately.", labels,
             seconds(stats.wait));
  page.gauge("pool_service_seconds", "What nine in ten take at least; 0: not known.", labels,
             seconds(stats.service_time));
  page.gauge("pool_threshold", "Priority levels below it are shed; 0: none is.", labels,
             number(stats.threshold));
}

void expose_tiers(const bounds::Budget& tiers, const std::vector<std::string>& names,
                  observe::Exposition& page) {
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    const bounds::Budget::TierStats stats = tiers.stats(bounds::Budget::Tier{i});
    const observe::Labels labels{{"tier", names[i]}};
    page.gauge("weir_tier_guaranteed", "Requests of the tier that may be inside whatever the others do.",
               labels, number(stats.guaranteed));
    page.gauge("weir_tier_borrowed", "Requests of the tier inside beyond that.", labels,
               number(stats.borrowed));
  }
}

void expose_limiter(const Upstream& upstream, observe::Exposition& page) {
  const admission::DependencyLimiter::Stats stats = upstream.limiter_stats();
  if (!stats.moves) return;
  const observe::Labels labels{{"upstream", upstream.config().name}};
  page.gauge("weir_limiter_lowest", "The lowest limit that the upstream's limiter has set.", labels,
             number(stats.limit_min));
  page.gauge("weir_limiter_highest", "The highest.", labels, number(stats.limit_max));
  page.counter("weir_limiter_steps_total", "Times it has looked.", labels, number(stats.steps));
  page.counter("weir_limiter_drops_total", "Refusals and timeouts that it has seen.", labels,
               number(stats.dropped));
}

void expose_deferral(const Upstream& upstream, observe::Exposition& page) {
  if (upstream.deferral() == nullptr) return;
  const resilience::DeferredQueue::Stats stats = upstream.deferral()->stats();
  const std::string& name = upstream.config().name;
  page.gauge("weir_deferred_entries", "Requests that are kept to be sent later.", {{"upstream", name}},
             number(stats.size.entries));
  page.gauge("weir_deferred_bytes", "What they take.", {{"upstream", name}}, number(stats.size.bytes));
  page.counter("weir_deferred_tries_total", "Times one of them was sent.", {{"upstream", name}},
               number(stats.tries));
  const auto came_of = [&](const char* outcome, std::uint64_t count) {
    page.counter("weir_deferred_total",
                 "Requests that were kept, that found no room, and what became of them.",
                 {{"upstream", name}, {"outcome", outcome}}, number(count));
  };
  came_of("kept", stats.put);
  came_of("refused", stats.refused);
  came_of("done", stats.done);
  came_of("too_old", stats.too_old);
  came_of("tried_too_often", stats.tried_too_often);
  came_of("not_retryable", stats.not_retryable);
  came_of("draining", stats.left);
}

void expose_memory(const admission::MemoryGuard& guard, observe::Exposition& page) {
  const admission::MemoryGuard::Stats stats = guard.stats();
  page.gauge("weir_memory_used_share", "Of the memory that the guard watches.", {}, stats.used_share());
  page.gauge("weir_memory_refused_below", "Priority levels below it are refused; 0: none is.", {},
             number(stats.below));
}

void expose_breaker(const observe::Labels& labels, const resilience::CircuitBreaker::Stats& stats,
                    observe::Exposition& page) {
  page.gauge("circuit_breaker_state", "0: closed, 1: half open, 2: open.", labels,
             static_cast<double>(stats.state));
  page.counter("circuit_breaker_opened_total", "Times it opened.", labels, number(stats.opened));
}

void expose_cache(const observe::Labels& labels, const resilience::CacheStats& stats,
                  observe::Exposition& page) {
  const auto hits = [&](const char* freshness, std::uint64_t count) {
    observe::Labels own = labels;
    own.push_back({"freshness", freshness});
    page.counter("weir_cache_hits_total", "Replies given from the cache.", own, number(count));
  };
  hits("fresh", stats.fresh);
  hits("stale", stats.stale);
  hits("stale_on_error", stats.stale_on_error);
  page.counter("weir_cache_misses_total", "Requests that waited for a reply to be fetched.", labels,
               number(stats.missed));
  page.counter("weir_cache_evicted_total", "Replies that made room.", labels, number(stats.evicted));
  page.gauge("weir_cache_entries", "Replies kept.", labels, number(stats.entries));
  page.gauge("weir_cache_bytes", "What they take.", labels, number(stats.bytes));
}

void expose_flights(const observe::Labels& labels, const resilience::SingleflightStats& stats,
                    observe::Exposition& page) {
  page.gauge("weir_singleflight_flights", "Requests being fetched for all who ask.", labels,
             number(stats.flights));
  page.counter("weir_singleflight_joined_total", "Requests that waited for one under way.", labels,
               number(stats.joined));
}

void expose_log(const observe::LineLog::Stats& stats, observe::Exposition& page) {
  page.counter("weir_access_log_lines_total", "Lines of the access log; dropped: there was no room.",
               {{"result", "written"}}, number(stats.written));
  page.counter("weir_access_log_lines_total", "Lines of the access log; dropped: there was no room.",
               {{"result", "dropped"}}, number(stats.dropped));
  page.counter("weir_access_log_failures_total",
               "Writes that failed, and files that could not be opened anew.", {}, number(stats.failures));
}

// What stands before an upstream, as far as it is declared.
void expose_layers(const Upstream& upstream, observe::Exposition& page) {
  const observe::Labels labels{{"upstream", upstream.config().name}};
  const resilience::DependencyStats stats = upstream.policy_stats();
  const auto tries = [&](const char* outcome, std::uint64_t count) {
    page.counter("weir_upstream_tries_total", "Times a request was sent, by what came of it.",
                 {{"upstream", upstream.config().name}, {"outcome", outcome}}, number(count));
  };
  tries("ok", stats.ok);
  tries("failure", stats.failures);
  tries("overload", stats.overloads);
  tries("not_retryable", stats.not_retryable);
  tries("unknown", stats.unknown);
  page.counter("weir_upstream_retries_total", "Of these, those that were retries.", labels,
               number(stats.retries));
  page.counter("weir_upstream_hedges_total", "Of these, those that were hedges.", labels,
               number(stats.hedges));
  if (stats.budget) {
    page.gauge("weir_retry_budget_left", "Retries and hedges that the budget would allow now.", labels,
               number(stats.budget->available));
    page.counter("weir_retry_budget_refused_total", "Retries and hedges for which it had nothing left.",
                 labels, number(stats.budget->refused));
  }
  if (stats.breaker) expose_breaker({{"name", upstream.config().name}}, *stats.breaker, page);
  if (stats.throttle) {
    page.gauge("weir_throttle_probability", "Of a request to be refused here.", labels,
               stats.throttle->probability);
    page.counter("weir_throttle_refused_total", "Requests that were not sent.", labels,
                 number(stats.throttle->refused + stats.throttle->refused_below));
  }
  if (stats.hedge) {
    page.gauge("weir_hedge_delay_seconds", "After which a request is slow.", labels,
               std::chrono::duration<double>(stats.hedge->delay).count());
    page.counter("weir_hedge_won_total", "Hedges whose reply was the one given.", labels,
                 number(stats.hedge->won));
  }
  const auto shared = upstream.shared_stats();
  if (shared && shared->cache) {
    expose_cache(labels, *shared->cache, page);
    expose_flights(labels, shared->cache->loads, page);
  }
  if (shared && shared->singleflight) expose_flights(labels, *shared->singleflight, page);
}

}  // namespace

void expose_admission(const GatewayAdmission& admission, observe::Exposition& page) {
  expose_class(admission.all(), page);
  if (const bounds::Budget* tiers = admission.tiers()) expose_tiers(*tiers, admission.tier_names(), page);
  if (const admission::MemoryGuard* memory = admission.memory()) expose_memory(*memory, page);
}

void expose_gateway(const Gateway& gateway, observe::Exposition& page) {
  expose_admission(gateway.admission(), page);
  expose_route(gateway.unrouted(), page);
  const auto table = gateway.table();
  const auto& upstreams = table->upstreams();
  for (const auto& upstream : upstreams) expose_route(upstream->stats(), page);
  for (const auto& upstream : upstreams) {
    page.histogram("weir_request_seconds", "Time of forwarded requests, queueing included.",
                   {{"upstream", upstream->config().name}}, upstream->stats().seconds.snapshot());
  }
  for (const auto& upstream : upstreams) {
    expose_targets(upstream->config().name, *upstream->targets().current(), page);
  }
  for (const auto& upstream : upstreams) expose_limiter(*upstream, page);
  for (const auto& upstream : upstreams) expose_deferral(*upstream, page);
  for (const auto& upstream : upstreams) expose_layers(*upstream, page);
  if (const AccessLog* log = gateway.access_log()) expose_log(log->lines().stats(), page);
  for (const GatewayTable::Route& route : table->routes()) {
    if (!route.composition) continue;
    for (const auto& [part, fates] : route.composition->counts()) {
      for (const Composition::Fate fate : Composition::kFates) {
        page.counter(
            "weir_parts_total", "Parts of composed replies, by what became of them.",
            {{"route", route.composition->name()}, {"part", part}, {"outcome", std::string(to_string(fate))}},
            number(fates.at(static_cast<std::size_t>(fate))));
      }
    }
  }
  for (const GatewayTable::Route& route : table->routes()) {
    if (!route.shadow) continue;
    for (const Shadow::Fate fate : Shadow::kFates) {
      page.counter("weir_shadow_copies_total", "Copies of requests, by what became of them.",
                   {{"route", route.shadow->name()}, {"outcome", std::string(to_string(fate))}},
                   number(route.shadow->counted(fate)));
    }
  }
}

void expose_server(std::string_view listener, const http::Server::Stats& stats, observe::Exposition& page) {
  const observe::Labels labels{{"listener", std::string(listener)}};
  page.counter("weir_http_connections_total", "Connections accepted.", labels,
               number(stats.connections_accepted));
  page.counter("weir_http_connections_http2_total", "Of the connections accepted, those that spoke HTTP/2.",
               labels, number(stats.connections_http2));
  page.gauge("weir_http_connections_open", "Connections open.", labels, number(stats.connections_open));
  page.counter("weir_http_requests_total", "Request heads received whole.", labels, number(stats.requests));
  page.counter("weir_http_replies_total", "Replies sent whole.", labels, number(stats.replies));
  page.counter("weir_http_replies_cut_off_total", "Replies begun and not ended.", labels,
               number(stats.replies_cut_off));
  page.counter("weir_http_upgrades_total", "Connections that speak another protocol since.", labels,
               number(stats.upgrades));
  page.counter("weir_http_accept_pauses_total", "Pauses of accepting for want of descriptors or memory.",
               labels, number(stats.accept_pauses));
  for (std::size_t i = 1; i < http::kRefusals; ++i) {  // 0 is none
    page.counter("weir_http_refused_total", "Requests and connections that the HTTP server refused.",
                 {{"listener", std::string(listener)},
                  {"reason", std::string(http::facts(static_cast<http::Refusal>(i)).label)}},
                 number(stats.refusals[i]));
  }
  for (std::size_t i = 0; i < http::kTlsOutcomes; ++i) {
    page.counter("weir_tls_handshakes_total", "TLS handshakes by what became of them.",
                 {{"listener", std::string(listener)},
                  {"result", std::string(http::to_string(static_cast<http::TlsOutcome>(i)))}},
                 number(stats.tls[i]));
  }
}

void expose_runtime(const core::Runtime::Stats& stats, observe::Exposition& page) {
  page.gauge("weir_runtime_processors", "Processors.", {}, stats.processors);
  page.gauge("weir_runtime_processors_idle", "Processors without work.", {}, stats.processors_idle);
  page.gauge("weir_runtime_tasks", "Tasks alive.", {}, number(stats.tasks_live));
  page.counter("weir_runtime_tasks_total", "Tasks started.", {}, number(stats.tasks_spawned));
  page.gauge("weir_runtime_global_queue", "Tasks in the global queue.", {}, number(stats.global_queue));
  page.counter("weir_runtime_steals_total", "Times one processor took work from another.", {},
               number(stats.steals));
}

}  // namespace weir::service

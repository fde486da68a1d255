#include "weir/service/gateway_metrics.h"

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

}  // namespace

void expose_gateway(const Gateway& gateway, observe::Exposition& page) {
  expose_route(gateway.unrouted(), page);
  const auto upstreams = gateway.upstreams();
  for (const auto& upstream : upstreams) expose_route(*upstream.stats, page);
  for (const auto& upstream : upstreams) {
    page.histogram("weir_request_seconds", "Time of forwarded requests, queueing included.",
                   {{"upstream", upstream.stats->upstream}}, upstream.stats->seconds.snapshot());
  }
  for (const auto& [stats, client] : upstreams) {
    const observe::Labels labels{{"upstream", stats->upstream}};
    page.gauge("weir_upstream_connections_open", "Connections to the upstream.", labels,
               number(client.pool.idle + client.pool.in_use));
    page.gauge("weir_upstream_connections_idle", "Of these, without a request.", labels,
               number(client.pool.idle));
    page.counter("weir_upstream_connects_total", "Connections made.", labels, number(client.connects));
    page.counter("weir_upstream_reuses_total", "Requests sent on a connection that had served one.", labels,
                 number(client.pool.reuses));
  }
}

void expose_server(std::string_view listener, const http::Server::Stats& stats, observe::Exposition& page) {
  const observe::Labels labels{{"listener", std::string(listener)}};
  page.counter("weir_http_connections_total", "Connections accepted.", labels,
               number(stats.connections_accepted));
  page.gauge("weir_http_connections_open", "Connections open.", labels, number(stats.connections_open));
  page.counter("weir_http_requests_total", "Request heads received whole.", labels, number(stats.requests));
  page.counter("weir_http_replies_total", "Replies sent whole.", labels, number(stats.replies));
  page.counter("weir_http_replies_cut_off_total", "Replies begun and not ended.", labels,
               number(stats.replies_cut_off));
  page.counter("weir_http_accept_pauses_total", "Pauses of accepting for want of descriptors or memory.",
               labels, number(stats.accept_pauses));
  for (std::size_t i = 1; i < http::kRefusals; ++i) {  // 0 is none
    page.counter("weir_http_refused_total", "Requests and connections that the HTTP server refused.",
                 {{"listener", std::string(listener)},
                  {"reason", std::string(http::facts(static_cast<http::Refusal>(i)).label)}},
                 number(stats.refusals[i]));
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

#include "weir/service/target_pages.h"

#include <fmt/format.h>

#include <chrono>

#include "weir/base/json_text.h"
#include "weir/core/now.h"

namespace weir::service {
namespace {

using Verdict = Target::Verdict;

double number(std::uint64_t value) { return static_cast<double>(value); }

// Why it is not used, in words; empty where it is.
std::string why_of(const Target& target, Target::State state) {
  switch (state) {
    case Target::State::unhealthy: return target.health().last();
    case Target::State::ejected: return std::string(to_string(target.outliers().cause()));
    default: return {};
  }
}

void append_target(const TargetSet& set, std::size_t i, TimePoint now, std::string& out) {
  const TargetSet::Entry& entry = set.entries[i];
  const Target& target = *entry.target;
  const Target::State state = target.state(now, set.slow_start);
  const auto pool = target.client().stats().pool;
  out += "{\"url\": ";
  append_json_string(target.name(), out);
  out += ", \"address\": ";
  append_json_string(target.client().upstream().to_string(), out);
  out += fmt::format(", \"addresses\": {}", target.client().upstreams()->size());
  out += fmt::format(", \"weight\": {}, \"share\": {:.2f}, \"in_flight\": {}, \"inflight_max\": {}",
                     set.balancer.weight(i), target.share(now, set.slow_start), target.in_flight(),
                     entry.inflight);
  out += fmt::format(", \"state\": \"{}\", \"why\": ", to_string(state));
  append_json_string(why_of(target, state), out);
  if (state == Target::State::ejected) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(target.outliers().until() - now);
    out += fmt::format(", \"back_in_ms\": {}", left.count());
  }
  out += fmt::format(", \"ejections\": {}, \"good\": {}, \"bad\": {}", target.outliers().ejections(),
                     target.counted(Verdict::good), target.counted(Verdict::bad));
  out += fmt::format(", \"ports_used\": {}", target.ports_used(now));
  out += fmt::format(", \"connections\": {{\"in_use\": {}, \"idle\": {}}}", pool.in_use, pool.idle);
  if (set.health) {
    out += fmt::format(", \"checks\": {{\"good\": {}, \"bad\": {}, \"last\": ", target.health().good(),
                       target.health().bad());
    append_json_string(target.health().last(), out);
    out += '}';
  }
  out += '}';
}

void expose_target(const observe::Labels& labels, const TargetSet& set, const Target& target,
                   observe::Exposition& page) {
  const auto with = [&labels](const char* name, const char* value) {
    observe::Labels all = labels;
    all.push_back({name, value});
    return all;
  };
  page.gauge("weir_target_in_flight", "Requests inside a target.", labels, number(target.in_flight()));
  page.gauge("weir_target_share", "Of its weight, what counts now; 0: it is left alone.", labels,
             target.share(core::now(), set.slow_start));
  page.counter("weir_target_ejections_total", "Times it was left alone because of its failures.", labels,
               number(target.outliers().ejections()));
  const auto tries = [&](const char* result, Verdict verdict) {
    page.counter("weir_target_tries_total", "Requests sent to a target, by what that told of it.",
                 with("result", result), number(target.counted(verdict)));
  };
  tries("good", Verdict::good);
  tries("bad", Verdict::bad);
  tries("nothing", Verdict::nothing);
  page.gauge("weir_target_ports_used",
             "Local ports that connections to it take, those in TIME_WAIT included; at most.", labels,
             number(target.ports_used(core::now())));
  const auto resolutions = [&](const char* result, std::uint64_t times) {
    page.counter("weir_target_resolutions_total", "Times a target's name was looked up again.",
                 with("result", result), number(times));
  };
  resolutions("found", target.resolved());
  resolutions("failed", target.unresolved());
  page.gauge("weir_target_addresses", "Addresses that its name has.", labels,
             number(target.client().upstreams()->size()));
  if (!set.health) return;
  page.counter("weir_target_checks_total", "Checks of a target's health.", with("result", "good"),
               number(target.health().good()));
  page.counter("weir_target_checks_total", "Checks of a target's health.", with("result", "bad"),
               number(target.health().bad()));
}

}  // namespace

void expose_targets(const std::string& upstream, const TargetSet& set, observe::Exposition& page) {
  std::uint64_t idle = 0, open = 0, connects = 0, reuses = 0;
  std::uint64_t http2 = 0, streams = 0, resets = 0, goaways = 0;
  for (const TargetSet::Entry& entry : set.entries) {
    const http::Client::Stats client = entry.target->client().stats();
    idle += client.pool.idle;
    open += client.pool.idle + client.pool.in_use + client.http2.connections;
    connects += client.connects;
    reuses += client.pool.reuses + client.http2.reuses;
    http2 += client.http2.connections;
    streams += client.http2.streams;
    resets += client.http2.resets;
    goaways += client.http2.goaways;
    expose_target({{"upstream", upstream}, {"target", entry.target->name()}}, set, *entry.target, page);
  }
  const observe::Labels labels{{"upstream", upstream}};
  page.gauge("weir_upstream_connections_open", "Connections to the upstream.", labels, number(open));
  page.gauge("weir_upstream_connections_idle", "Of these, without a request.", labels, number(idle));
  page.gauge("weir_upstream_http2_connections", "Of these, those that speak HTTP/2.", labels, number(http2));
  page.gauge("weir_upstream_http2_streams", "Requests in flight on them.", labels, number(streams));
  page.counter("weir_upstream_http2_resets_total", "Streams that the upstream has reset.", labels,
               number(resets));
  page.counter("weir_upstream_http2_goaways_total", "Times it has said that a connection takes no more.",
               labels, number(goaways));
  page.counter("weir_upstream_connects_total", "Connections made.", labels, number(connects));
  page.counter("weir_upstream_reuses_total", "Requests sent on a connection that had served one.", labels,
               number(reuses));
}

std::string targets_json(const std::vector<std::shared_ptr<Upstream>>& upstreams) {
  const TimePoint now = core::now();
  std::string out = "{\"upstreams\": [";
  for (const auto& upstream : upstreams) {
    if (out.back() == '}') out += ",\n  ";
    out += "{\"name\": ";
    append_json_string(upstream->config().name, out);
    out += ", \"targets\": [";
    const auto set = upstream->targets().current();
    for (std::size_t i = 0; i < set->entries.size(); ++i) {
      if (i > 0) out += ",\n    ";
      append_target(*set, i, now, out);
    }
    out += "]}";
  }
  return out + "]}\n";
}

}  // namespace weir::service

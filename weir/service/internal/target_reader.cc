#include "weir/service/internal/target_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "weir/base/units.h"
#include "weir/service/internal/admission_reader.h"
#include "weir/service/text.h"

namespace weir::service::internal {
namespace {

Given read_url(const Section& section, UpstreamUrl& out, Diagnostics& findings) {
  std::string text;
  const Given given = section.read("url", text);
  if (!given) return given;
  auto parsed = parse_upstream_url(text);
  if (parsed) {
    out = std::move(*parsed);
    return given;
  }
  parsed.error().message = fmt::format("{}: {}", section.name_of("url"), parsed.error().message);
  findings.error(given.place, std::move(parsed.error()));
  return {.place = {}, .known = false};
}

Given read_target(const Section& section, UpstreamConfig& config, Diagnostics& findings) {
  TargetConfig& target = config.targets.emplace_back();
  const Given url = read_url(section, target.url, findings);
  section.read("weight", target.weight);
  section.read("inflight", target.inflight);
  if (!url) return url;
  const auto first = std::ranges::find(config.targets, target.url, &TargetConfig::url);
  if (first != config.targets.end() - 1) {
    findings.error(url.place, {fmt::format("{} is {}, which is there already", section.name_of("url"),
                                           in_quotes(target.url.text())),
                               "each target once: to send it more, give it a weight"});
  }
  return url;
}

void read_ejection(const Section& section, UpstreamConfig& config, Diagnostics& findings) {
  EjectionConfig& eject = config.eject;
  section.read("consecutive_failures", eject.consecutive_failures);
  section.read("failure_ratio", eject.failure_ratio);
  section.read("window", eject.window);
  section.read("calls_min", eject.calls_min);
  const Given time = section.read("time", eject.time);
  const Given most = section.read("time_max", eject.time_max);
  section.read("share_max", eject.share_max);
  if ((time || most) && time.known && most.known && eject.time > eject.time_max) {
    findings.warn((time ? time : most).place,
                  {fmt::format("{} is {}, more than time_max, which is {}", section.name_of("time"),
                               weir::to_string(eject.time), weir::to_string(eject.time_max)),
                   fmt::format("at most {}", weir::to_string(eject.time_max))});
  }
  if (config.targets.size() == 1) {
    findings.warn(
        section.place(),
        {fmt::format("{} has no effect: there is one target, which is never left alone", section.name()),
         "a breaker says when not to ask at all; or name more targets"});
  }
}

void read_health(const Section& section, HealthConfig& health, Diagnostics& findings) {
  const Given path = section.read("path", health.path);
  section.read("interval", health.interval);
  const Given timeout = section.read("timeout", health.timeout);
  section.read("healthy_after", health.healthy_after);
  section.read("unhealthy_after", health.unhealthy_after);
  const Given least = section.read("status_min", health.status_min);
  const Given most = section.read("status_max", health.status_max);
  if (least && !section.key_place("status_max"))
    health.status_max = std::max(health.status_max, health.status_min);
  const bool sound = health.path.starts_with('/') && std::ranges::all_of(health.path, [](unsigned char c) {
                       return c > 0x20 && c < 0x7F && c != '#';
                     });
  if (path && !sound) {
    findings.error(path.place,
                   {fmt::format("{} {} is no path", section.name_of("path"), in_quotes(health.path)),
                    "for example /healthz"});
  }
  if (least.known && most.known && health.status_min > health.status_max) {
    findings.error((least ? least : most).place,
                   {fmt::format("{} is {}, more than status_max, which is {}", section.name_of("status_min"),
                                health.status_min, health.status_max),
                    "no answer would be good"});
  }
  if (timeout && health.timeout > health.interval) {
    findings.warn(timeout.place,
                  {fmt::format("{} is {}, longer than the interval, {}: checks are as far apart "
                               "as they take",
                               section.name_of("timeout"), weir::to_string(health.timeout),
                               weir::to_string(health.interval)),
                   fmt::format("at most {}", weir::to_string(health.interval))});
  }
}

void read_contract(const Section& section, ContractConfig& contract, Diagnostics& findings) {
  for (const auto& [key, name] : {std::pair{"deadline", &contract.deadline},
                                  {"attempt", &contract.attempt},
                                  {"tenant", &contract.tenant},
                                  {"priority", &contract.priority}}) {
    const Given given = section.read(key, *name);
    if (!given || is_token(*name)) continue;
    findings.error(given.place,
                   {fmt::format("{} {} is no header name", section.name_of(key), in_quotes(*name)),
                    "for example X-Request-Deadline-Ms"});
  }
}

}  // namespace

std::vector<Given> read_targets(const Section& upstream, UpstreamConfig& config, Diagnostics& findings) {
  std::vector<Given> urls;
  const Place one = upstream.key_place("url");
  const Place several = upstream.key_place("targets");
  if (one && several) {
    findings.error(std::max(one, several), {fmt::format("{} has both url and targets", upstream.name()),
                                            "keep url for a single address, targets for any number of them"});
  } else if (!one && !several) {
    findings.error(upstream.place(), {fmt::format("missing key \"url\" in {}", upstream.name()),
                                      "for example url: \"http://127.0.0.1:9001\"; or targets, for several"});
  }
  if (one) urls.push_back(read_url(upstream, config.targets.emplace_back().url, findings));
  for (const NamedSection& target : upstream.sections("targets")) {
    urls.push_back(read_target(target.section, config, findings));
  }
  if (const auto eject = upstream.section("eject")) read_ejection(*eject, config, findings);
  if (const auto health = upstream.section("health")) read_health(*health, config.health.emplace(), findings);
  if (const auto contract = upstream.section("contract")) read_contract(*contract, config.contract, findings);
  upstream.read("slow_start", config.slow_start);
  return urls;
}

}  // namespace weir::service::internal

#include "tools/weir/chaos_file.h"

#include <algorithm>
#include <cstdio>
#include <thread>
#include <utility>

#include "tools/weir/terminal.h"

namespace weir::tools {

std::optional<chaos::Scenario> accept_scenario(chaos::ScenarioParsed parsed,
                                               std::span<const std::string_view> points) {
  if (parsed && !points.empty()) chaos::check_points(parsed->scenario, points, parsed->findings);
  const service::Diagnostics& findings = parsed ? parsed->findings : parsed.error();
  const auto colour = shows_colour(stderr) ? service::Colour::yes : service::Colour::no;
  std::fputs(findings.text(colour).c_str(), stderr);
  if (findings.errors() > 0) return std::nullopt;
  return std::move(parsed->scenario);
}

bool only_at_proxies(const std::string& file, const chaos::Scenario& scenario) {
  bool only = true;
  for (const chaos::Event& event : scenario.events) {
    if (event.target_kind == chaos::TargetKind::proxy) continue;
    std::fprintf(stderr, "%s:%u:%u: error: %s is a fault within a program, not of a proxy\n", file.c_str(),
                 event.place.line, event.place.column, chaos::describe(event).c_str());
    only = false;
  }
  if (only && scenario.proxies.empty()) {
    std::fprintf(stderr, "%s: it declares no proxies\n", file.c_str());
    only = false;
  }
  return only;
}

std::optional<std::vector<chaos::BoundProxy>> listen_for(const chaos::Scenario& scenario, const char* program,
                                                         unsigned processors) {
  const unsigned sockets =
      std::clamp(processors > 0 ? processors : std::thread::hardware_concurrency(), 1u, 256u);
  auto bound = chaos::Proxies::bind(scenario, sockets);
  if (bound) return std::move(*bound);
  std::fprintf(stderr, "%s: %s\n", program, bound.error().c_str());
  return std::nullopt;
}

void say_where_they_listen(const char* program, const chaos::Scenario& scenario,
                           const std::vector<chaos::BoundProxy>& bound) {
  for (std::size_t i = 0; i < bound.size(); ++i) {
    const chaos::ProxyConfig& proxy = scenario.proxies[i];
    std::fprintf(stderr, "%s: %s (%s) listens on %s, before %s\n", program, proxy.name.c_str(),
                 std::string(chaos::to_string(proxy.protocol)).c_str(), bound[i].local.to_string().c_str(),
                 bound[i].upstream.to_string().c_str());
  }
}

}  // namespace weir::tools

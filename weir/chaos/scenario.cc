#include "weir/chaos/scenario.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "weir/chaos/internal/scenario_reader.h"
#include "weir/service/suggest.h"
#include "weir/service/text.h"
#include "weir/service/yaml_file.h"

namespace weir::chaos {
namespace {

ScenarioParsed checked(const std::optional<service::YamlTree>& tree, service::Diagnostics findings) {
  if (!tree) return std::unexpected(std::move(findings));
  Scenario scenario = internal::read_scenario(*tree, findings);
  findings.sort();
  if (findings.errors() > 0) return std::unexpected(std::move(findings));
  return CheckedScenario{.scenario = std::move(scenario), .findings = std::move(findings)};
}

}  // namespace

std::string_view to_string(Protocol protocol) { return protocol == Protocol::tcp ? "tcp" : "http"; }

std::string_view to_string(Direction direction) {
  switch (direction) {
    case Direction::both: return "both";
    case Direction::up: return "up";
    case Direction::down: return "down";
  }
  return "";
}

std::string_view fault_name(const Fault& fault) {
  static constexpr std::array<std::string_view, std::variant_size_v<Fault>> kNames{
      "delay",    "bandwidth", "reset",     "blackhole", "hang",  "refuse",
      "truncate", "status",    "partition", "error",     "tasks", "memory"};
  return kNames[fault.index()];
}

std::string describe(const Event& event) {
  const std::string_view name = fault_name(event.fault);
  if (event.target_kind == TargetKind::process) return std::string(name);
  return fmt::format("{} {} {}", name, event.target_kind == TargetKind::proxy ? "on" : "at", event.target);
}

// A '*' first takes nothing; when what follows does not match, it takes one more.
bool RequestMatch::matches_path(std::string_view target) const {
  if (path.empty()) return true;
  target = target.substr(0, target.find('?'));
  std::size_t at = 0, in = 0, star = std::string::npos, taken = 0;
  while (at < target.size()) {
    if (in < path.size() && path[in] == '*') {
      star = in++;
      taken = at;
    } else if (in < path.size() && path[in] == target[at]) {
      ++in;
      ++at;
    } else if (star != std::string::npos) {
      in = star + 1;
      at = ++taken;
    } else {
      return false;
    }
  }
  return path.find_first_not_of('*', in) == std::string::npos;
}

const ProxyConfig* Scenario::find_proxy(std::string_view name) const {
  const auto found = std::ranges::find(proxies, name, &ProxyConfig::name);
  return found == proxies.end() ? nullptr : &*found;
}

ScenarioParsed parse_scenario(std::string file, std::string_view text) {
  service::Diagnostics findings;
  const std::optional<service::YamlTree> tree = service::parse_yaml(std::move(file), text, findings);
  return checked(tree, std::move(findings));
}

ScenarioParsed load_scenario(const std::string& path) {
  service::Diagnostics findings;
  const std::optional<service::YamlTree> tree = service::load_yaml(path, findings);
  return checked(tree, std::move(findings));
}

void check_points(const Scenario& scenario, std::span<const std::string_view> known,
                  service::Diagnostics& findings) {
  for (const Event& event : scenario.events) {
    if (event.target_kind != TargetKind::point) continue;
    if (std::ranges::find(known, event.target) != known.end()) continue;
    const std::string_view meant = service::nearest(event.target, known);
    std::string hint = known.empty()   ? "it has none"
                       : meant.empty() ? fmt::format("it has {}", fmt::join(known, ", "))
                                       : fmt::format("did you mean \"{}\"?", meant);
    findings.error(event.place,
                   {fmt::format("this program has no point {}", service::in_quotes(event.target)), hint});
  }
  findings.sort();
}

}  // namespace weir::chaos

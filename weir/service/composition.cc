#include "weir/service/composition.h"

#include <fmt/format.h>

#include <algorithm>

#include "weir/service/config.h"
#include "weir/service/footprint.h"
#include "weir/service/forwarding.h"

namespace weir::service {
namespace {

// Also for those that began with more parts than there are now.
std::uint64_t tasks_of(const ComposeConfig& config) { return config.at_once * kPartsMax; }

// Takes the first segment off, with the '/' before it.
std::string_view take_segment(std::string_view& path) {
  if (!path.empty()) path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

// "." and "..", also in the spelling that some servers undo.
bool is_dots(std::string_view segment) {
  if (segment.empty()) return false;
  while (!segment.empty()) {
    const bool coded = segment.size() >= 3 && segment.starts_with("%2") && (segment[2] | 0x20) == 'e';
    if (!coded && segment.front() != '.') return false;
    segment.remove_prefix(coded ? 3 : 1);
  }
  return true;
}

// What stands in `path` where `pattern` has {name}, braces included in the name.
std::string_view found_at(std::string_view name, std::string_view pattern, std::string_view path) {
  while (!pattern.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view segment = take_segment(path);
    if (wanted == name) return segment;
  }
  return {};
}

}  // namespace

std::string_view to_string(Composition::Fate fate) {
  switch (fate) {
    case Composition::Fate::given: return "given";
    case Composition::Fate::refused: return "refused";
    case Composition::Fate::late: return "late";
    case Composition::Fate::failed: return "failed";
    case Composition::Fate::unfit: return "unfit";
  }
  return "unknown";
}

// The bodies, which grow by doubling, and the reply that is made of them; a task and a
// head for each part. What its connection takes is its upstream's.
bounds::Row Composition::declared_row(const RouteConfig& route, const ServerConfig& server) {
  const std::uint64_t parts = route.compose->parts.size();
  return {.name = "composing:" + route.text(),
          .limit = route.compose->at_once,
          .each = Bytes{(3 * route.compose->body_bytes.count) + (parts * request_bytes(server).count)}};
}

Composition::Composition(bounds::Ledger& ledger, const RouteConfig& route, const ServerConfig& server)
    : name_(route.text()),
      bound_(ledger, {.name = declared_row(route, server).name,
                      .limit = route.compose->at_once,
                      .because = "replies that are composed of parts",
                      .each = declared_row(route, server).each}),
      tasks_({.name = "parts", .limit = tasks_of(*route.compose)}) {
  apply(*route.compose);
}

void Composition::count(std::string_view part, Fate fate) {
  const std::lock_guard guard(mutex_);
  const auto found = counts_.find(part);
  if (found != counts_.end()) ++found->second.at(static_cast<std::size_t>(fate));
}

std::vector<std::pair<std::string, Composition::Fates>> Composition::counts() const {
  const std::lock_guard guard(mutex_);
  return {counts_.begin(), counts_.end()};
}

void Composition::apply(const ComposeConfig& to) {
  tasks_.resize(std::max(tasks_.limit(), tasks_of(to)));
  (void)bound_.resize(to.at_once);
  const std::lock_guard guard(mutex_);
  std::map<std::string, Fates, std::less<>> counts;
  for (const PartConfig& part : to.parts) {
    const auto before = counts_.find(part.name);
    counts.emplace(part.name, before == counts_.end() ? Fates{} : before->second);
  }
  counts_ = std::move(counts);
}

std::optional<std::vector<std::string>> part_targets(const RouteConfig& route, std::string_view target) {
  const std::string_view path = path_of(target);
  const std::string_view query = target.substr(path.size());
  std::vector<std::string> targets;
  for (const PartConfig& part : route.compose->parts) {
    std::string& made = targets.emplace_back();
    std::string_view rest = part.path;
    while (!rest.empty()) {
      const std::size_t brace = std::min(rest.find('{'), rest.size());
      made += rest.substr(0, brace);
      rest.remove_prefix(brace);
      if (rest.empty()) break;
      const std::string_view name = rest.substr(0, rest.find('}') + 1);
      const std::string_view value = found_at(name, route.path, path);
      if (is_dots(value)) return std::nullopt;
      made += value;
      rest.remove_prefix(name.size());
    }
    if (part.path.find('?') == std::string::npos) made += query;
  }
  return targets;
}

}  // namespace weir::service

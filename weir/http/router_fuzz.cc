// Any bytes as a method, a path and patterns: routes of one router are found as their
// patterns say, whatever else is in it.
//
// Lines: patterns, and last the path that is looked for.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "weir/http/internal/route_pattern.h"
#include "weir/http/internal/route_tree.h"

namespace weir::http::internal {
namespace {

bool matches(const RoutePattern& pattern, const PathSegments& path) {
  for (std::size_t i = 0; i < pattern.segments.size(); ++i) {
    if (i == path.count) return false;
    const PatternSegment& segment = pattern.segments[i];
    if (segment.kind == PatternSegment::Kind::rest) return true;
    if (segment.kind == PatternSegment::Kind::literal && path.at[i] != segment.text) return false;
    if (segment.kind == PatternSegment::Kind::parameter && path.at[i].empty()) return false;
  }
  return path.count == pattern.segments.size();
}

// As Router::make() takes them.
std::vector<RoutePattern> patterns_of(std::string_view& text) {
  std::vector<RoutePattern> patterns;
  for (std::size_t end; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    auto pattern = RoutePattern::parse(text.substr(0, end));
    if (!pattern || patterns.size() == 16) continue;
    pattern->method.clear();
    bool fits = true;
    for (const RoutePattern& other : patterns) {
      const PatternRelation how = relation(other, *pattern);
      if (how == PatternRelation::same || how == PatternRelation::crossing) fits = false;
    }
    if (fits) patterns.push_back(std::move(*pattern));
  }
  return patterns;
}

}  // namespace
}  // namespace weir::http::internal

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::http::internal;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<RoutePattern> patterns = patterns_of(text);
  RouteTree tree;
  for (std::size_t i = 0; i < patterns.size(); ++i) tree.add(patterns[i], i);
  const PathSegments path(text);
  const RouteTree::Found found = tree.find(path, "GET");
  // The narrowest of all that match.
  std::size_t best = RouteTree::kNone;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (!matches(patterns[i], path)) continue;
    if (best == RouteTree::kNone || relation(patterns[i], patterns[best]) == PatternRelation::narrower)
      best = i;
  }
  if (found.route != best) std::abort();
  return 0;
}

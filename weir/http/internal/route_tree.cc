#include "weir/http/internal/route_tree.h"

#include <algorithm>

namespace weir::http::internal {

PathSegments::PathSegments(std::string_view without_slash) : path(without_slash) {
  std::string_view rest = path;
  while (count < kPathSegmentsMax) {
    const std::size_t slash = rest.find('/');
    at[count++] = rest.substr(0, slash);
    if (slash == std::string_view::npos) return;
    rest.remove_prefix(slash + 1);
  }
  at[count++] = rest;
}

struct RouteTree::Search {
  const PathSegments& path;
  std::uint8_t method;
  std::uint8_t get;  // index of GET, for HEAD; kUnknown otherwise
  Found found;
  std::size_t values = 0;
};

std::uint8_t RouteTree::method_index(std::string_view method) const {
  const auto at = std::ranges::find(methods_, method);
  return at == methods_.end() ? kUnknown : static_cast<std::uint8_t>(at - methods_.begin());
}

RouteTree::Node& RouteTree::child(Node& of, const PatternSegment& segment) {
  if (segment.kind == PatternSegment::Kind::parameter) {
    if (!of.parameter) of.parameter = std::make_unique<Node>();
    return *of.parameter;
  }
  const auto place = std::ranges::lower_bound(of.literals, segment.text, {}, &Node::literal);
  if (place != of.literals.end() && (*place)->literal == segment.text) return **place;
  auto made = std::make_unique<Node>();
  made->literal = segment.text;
  return **of.literals.insert(place, std::move(made));
}

bool RouteTree::add(const RoutePattern& pattern, std::size_t route) {
  Leaf leaf{.method = kAny, .route = route};
  if (!pattern.method.empty()) {
    leaf.method = method_index(pattern.method);
    if (leaf.method == kUnknown) {
      if (methods_.size() == kMethodsMax) return false;
      leaf.method = static_cast<std::uint8_t>(methods_.size());
      methods_.push_back(pattern.method);
    }
  }
  Node* node = root_.get();
  for (const PatternSegment& segment : pattern.segments) {
    if (segment.kind == PatternSegment::Kind::rest) {
      node->rests.push_back(leaf);
      return true;
    }
    node = &child(*node, segment);
  }
  node->leaves.push_back(leaf);
  return true;
}

// The method's own, then GET's for HEAD, then every method's.
bool RouteTree::take(const std::vector<Leaf>& leaves, Search& search) {
  std::size_t by_get = kNone, by_any = kNone;
  for (const Leaf& leaf : leaves) {
    if (leaf.method == search.method) {
      search.found.route = leaf.route;
      return true;
    }
    if (leaf.method == kAny) {
      by_any = leaf.route;
    } else {
      search.found.allowed |= std::uint64_t{1} << leaf.method;
      if (leaf.method == search.get) by_get = leaf.route;
    }
  }
  search.found.route = by_get != kNone ? by_get : by_any;
  return search.found.route != kNone;
}

bool RouteTree::visit(const Node& node, std::size_t depth, Search& search) {
  if (depth == search.path.count) return take(node.leaves, search);
  const std::string_view segment = search.path.at[depth];
  const auto place = std::ranges::lower_bound(node.literals, segment, {}, &Node::literal);
  if (place != node.literals.end() && (*place)->literal == segment && visit(**place, depth + 1, search)) {
    return true;
  }
  if (node.parameter && !segment.empty()) {
    search.found.values[search.values++] = segment;
    if (visit(*node.parameter, depth + 1, search)) return true;
    --search.values;
  }
  if (node.rests.empty() || !take(node.rests, search)) return false;
  search.found.values[search.values] =
      search.path.path.substr(static_cast<std::size_t>(segment.data() - search.path.path.data()));
  return true;
}

RouteTree::Found RouteTree::find(const PathSegments& path, std::string_view method) const {
  Search search{.path = path,
                .method = method_index(method),
                .get = method == "HEAD" ? method_index("GET") : kUnknown,
                .found = {}};
  // What no route knows must not be found under "unknown".
  visit(*root_, 0, search);
  return search.found;
}

std::string RouteTree::allow(std::uint64_t allowed) const {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < methods_.size(); ++i) {
    if ((allowed >> i & 1) != 0) names.push_back(methods_[i]);
  }
  const auto add = [&names](std::string_view name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  if (std::ranges::find(names, "GET") != names.end()) add("HEAD");
  add("OPTIONS");
  std::ranges::sort(names);
  std::string text;
  for (const std::string_view name : names) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

}  // namespace weir::http::internal

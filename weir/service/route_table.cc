#include "weir/service/route_table.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "weir/service/forwarding.h"

namespace weir::service {
namespace {

using Kind = HeaderMatch::Kind;

// A host's name in small letters, without its port; empty where it is no name that a
// route could have.
class HostName {
 public:
  explicit HostName(std::string_view field) {
    const std::size_t bracket = field.find(']');  // of an IPv6 address
    const std::size_t colon = field.find(':', bracket == std::string_view::npos ? 0 : bracket);
    field = field.substr(0, colon);
    if (field.ends_with('.')) field.remove_suffix(1);
    if (field.size() > buffer_.size()) return;
    size_ = field.size();
    std::ranges::transform(field, buffer_.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
  }
  std::string_view text() const { return {buffer_.data(), size_}; }

 private:
  std::array<char, 255> buffer_;  // RFC 1035: the most that a name has
  std::size_t size_ = 0;
};

// Whether `path` is what `pattern` says, {name} standing for a segment that is not
// empty.
bool fits_pattern(std::string_view pattern, std::string_view path) {
  while (!pattern.empty()) {
    if (pattern.front() != '{') {
      if (path.empty() || path.front() != pattern.front()) return false;
      pattern.remove_prefix(1);
      path.remove_prefix(1);
      continue;
    }
    pattern.remove_prefix(pattern.find('}') + 1);
    const std::size_t segment = std::min(path.find('/'), path.size());
    if (segment == 0) return false;
    path.remove_prefix(segment);
  }
  return path.empty();
}

std::size_t names_in(std::string_view pattern) {
  return static_cast<std::size_t>(std::ranges::count(pattern, '{'));
}

// Whether two patterns are the same but for their names.
bool same_shape(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    if (a.front() != b.front()) return false;
    const bool name = a.front() == '{';
    a.remove_prefix(name ? a.find('}') + 1 : 1);
    b.remove_prefix(name ? b.find('}') + 1 : 1);
  }
  return a.empty() && b.empty();
}

bool fits_header(const HeaderMatch& match, const http::Headers& headers) {
  const auto value = headers.get(match.name);
  if (!value) return false;
  switch (match.kind) {
    case Kind::present: return true;
    case Kind::prefix: return value->starts_with(match.value);
    case Kind::exact: return *value == match.value;
  }
  return false;
}

// Whether whatever `b` takes, `a` takes.
bool covers(const HeaderMatch& a, const HeaderMatch& b) {
  if (!http::equals_ignoring_case(a.name, b.name)) return false;
  switch (a.kind) {
    case Kind::present: return true;
    case Kind::prefix: return b.kind != Kind::present && b.value.starts_with(a.value);
    case Kind::exact: return b.kind == Kind::exact && b.value == a.value;
  }
  return false;
}

bool covers(const RouteConfig& a, const RouteConfig& b) {
  if (a.path.empty() != b.path.empty() || !same_shape(a.pattern(), b.pattern())) return false;
  const bool methods =
      a.methods.empty() || (!b.methods.empty() && std::ranges::all_of(b.methods, [&a](const auto& method) {
        return std::ranges::find(a.methods, method) != a.methods.end();
      }));
  return methods && std::ranges::all_of(a.headers, [&b](const HeaderMatch& asked) {
           return std::ranges::any_of(b.headers,
                                      [&asked](const HeaderMatch& by) { return covers(asked, by); });
         });
}

// What comes first of two with the same head, smaller first.
auto order_of(const RouteConfig& route, std::uint32_t number) {
  std::size_t said = 0;
  for (const HeaderMatch& header : route.headers) said += static_cast<std::size_t>(header.kind);
  return std::tuple(route.path.empty(), names_in(route.path), route.methods.empty(), ~route.headers.size(),
                    ~said, number);
}

}  // namespace

std::string_view literal_head(std::string_view pattern) { return pattern.substr(0, pattern.find('{')); }

RouteTable::RouteTable(const std::vector<RouteConfig>& routes) : routes_(routes) {
  for (std::uint32_t i = 0; i < routes.size(); ++i) {
    const std::string& host = routes[i].host;
    if (host.empty()) {
      put(any_, i);
    } else if (host.starts_with('*')) {
      put(suffixes_[host.substr(1)], i);
    } else {
      put(exact_[host], i);
    }
  }
  finish(any_);
  for (auto& [host, heads] : exact_) finish(heads);
  for (auto& [suffix, heads] : suffixes_) finish(heads);
}

void RouteTable::put(Heads& heads, std::uint32_t route) {
  // Of `match` all is written out: a brace in it is no pattern.
  const RouteConfig& config = routes_[route];
  heads.push_back({.text = config.path.empty() ? std::string_view(config.match) : literal_head(config.path),
                   .routes = {route}});
}

// Puts those with the same text together, and tells each its parent.
void RouteTable::finish(Heads& heads) {
  std::ranges::sort(heads, {}, [](const Head& head) { return std::tuple(head.text, head.routes.front()); });
  Heads merged;
  for (Head& head : heads) {
    if (!merged.empty() && merged.back().text == head.text) {
      merged.back().routes.push_back(head.routes.front());
    } else {
      merged.push_back(std::move(head));
    }
  }
  for (std::uint32_t i = 0; i < merged.size(); ++i) {
    std::ranges::sort(merged[i].routes, {},
                      [this](std::uint32_t route) { return order_of(routes_[route], route); });
    // What this one begins with is the one before it, or what that one begins with.
    std::uint32_t parent = i == 0 ? kNone : i - 1;
    while (parent != kNone && !merged[i].text.starts_with(merged[parent].text))
      parent = merged[parent].parent;
    merged[i].parent = parent;
  }
  heads = std::move(merged);
}

bool RouteTable::fits(const RouteConfig& route, std::size_t head, std::string_view path,
                      const http::RequestHead& request) const {
  if (!route.path.empty() && !fits_pattern(std::string_view(route.path).substr(head), path.substr(head)))
    return false;
  if (!route.methods.empty() && std::ranges::find(route.methods, request.method) == route.methods.end())
    return false;
  return std::ranges::all_of(route.headers,
                             [&](const HeaderMatch& match) { return fits_header(match, request.headers); });
}

std::optional<std::size_t> RouteTable::find_in(const Heads& heads, std::string_view path,
                                               const http::RequestHead& request) const {
  // What `path` begins with is the last that is not above it, or what that begins with:
  // all between a text and one that begins with it begin with it as well.
  const auto above = std::ranges::upper_bound(heads, path, {}, &Head::text);
  auto at = above == heads.begin() ? kNone : static_cast<std::uint32_t>(above - heads.begin() - 1);
  for (; at != kNone; at = heads[at].parent) {
    const Head& head = heads[at];
    if (!path.starts_with(head.text)) continue;
    for (const std::uint32_t route : head.routes) {
      if (fits(routes_[route], head.text.size(), path, request)) return route;
    }
  }
  return std::nullopt;
}

std::optional<std::size_t> RouteTable::find_by_host(std::string_view path,
                                                    const http::RequestHead& request) const {
  const HostName name(request.headers.get("host").value_or(""));
  std::string_view host = name.text();
  if (const auto heads = exact_.find(host); heads != exact_.end()) {
    if (const auto found = find_in(heads->second, path, request)) return found;
  }
  if (suffixes_.empty()) return std::nullopt;
  // "a.b.example.com": ".b.example.com", ".example.com", ".com".
  for (std::size_t dot = host.find('.'); dot != std::string_view::npos; dot = host.find('.', 1)) {
    host.remove_prefix(dot);
    const auto heads = suffixes_.find(host);
    if (heads == suffixes_.end()) continue;
    if (const auto found = find_in(heads->second, path, request)) return found;
  }
  return std::nullopt;
}

std::optional<std::size_t> RouteTable::find(const http::RequestHead& request) const {
  const std::string_view path = path_of(request.target);
  if (!exact_.empty() || !suffixes_.empty()) {
    if (const auto found = find_by_host(path, request)) return found;
  }
  return find_in(any_, path, request);
}

void RouteTable::find_shadowed(const Heads& heads, std::vector<Shadowed>& found) const {
  for (const Head& head : heads) {
    for (std::size_t i = 1; i < head.routes.size(); ++i) {
      const RouteConfig& route = routes_[head.routes[i]];
      for (std::size_t j = 0; j < i; ++j) {
        const RouteConfig& before = routes_[head.routes[j]];
        if (!covers(before, route)) continue;
        found.push_back({.route = head.routes[i], .by = head.routes[j], .same = covers(route, before)});
        break;
      }
    }
  }
}

std::vector<RouteTable::Shadowed> RouteTable::shadowed() const {
  std::vector<Shadowed> found;
  find_shadowed(any_, found);
  for (const auto& [host, heads] : exact_) find_shadowed(heads, found);
  for (const auto& [suffix, heads] : suffixes_) find_shadowed(heads, found);
  std::ranges::sort(found, {}, &Shadowed::route);
  return found;
}

}  // namespace weir::service

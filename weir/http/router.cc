#include "weir/http/router.h"

#include <algorithm>
#include <utility>

#include "weir/http/internal/route_pattern.h"
#include "weir/http/internal/route_tree.h"
#include "weir/http/percent.h"
#include "weir/http/problem.h"

namespace weir::http {
namespace {

using internal::PathSegments;
using internal::PatternRelation;
using internal::RoutePattern;
using internal::RouteTree;

std::string quoted(const RoutePattern& pattern) { return "'" + pattern.text + "'"; }

// What keeps both from being routes of one router; empty: nothing.
std::string conflict(const RoutePattern& a, const RoutePattern& b) {
  const bool same_method = a.method == b.method;
  if (!same_method && !a.method.empty() && !b.method.empty()) return {};
  const PatternRelation how = relation(a, b);
  if (how == PatternRelation::same && same_method) {
    return "routes " + quoted(a) + " and " + quoted(b) + " match the same paths\n";
  }
  if (how != PatternRelation::crossing) return {};
  return "routes " + quoted(a) + " and " + quoted(b) +
         " match paths in common, and neither is the narrower one\n";
}

// The path of a target in origin form, or "*".
std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

bool has_dot_segment(const PathSegments& path) {
  return std::any_of(path.at.begin(), path.at.begin() + static_cast<std::ptrdiff_t>(path.count),
                     [](std::string_view segment) { return segment == "." || segment == ".."; }) ||
         (path.count > internal::kPathSegmentsMax &&
          has_dot_segment(PathSegments(path.at[internal::kPathSegmentsMax])));
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

}  // namespace

struct Router::Table {
  struct Entry {
    RoutePattern pattern;
    HandlerRef handler;
    std::vector<Middleware> around;  // the router's and its own
    PathParams no_values;
  };

  std::vector<Entry> entries;
  std::vector<Middleware> around;  // of what no route matches
  RouteTree tree;
};

struct Router::Match {
  enum class What : std::uint8_t { route, options, no_method, no_path, bad_path };
  What what = What::no_path;
  const Table::Entry* entry = nullptr;
  std::uint64_t allowed = 0;
  PathParams path;
};

// What the router answers itself, as a handler, for middleware to stand around.
struct Router::BuiltIn {
  const RouteTree& tree;
  const Match& match;

  core::task<Result<>> answer(Exchange& exchange) {
    ResponseHead& head = exchange.reply_head();
    switch (match.what) {
      case Match::What::options:
        head.status = 204;
        head.headers.add("Allow", tree.allow(match.allowed));
        co_return co_await exchange.respond(head, "");
      case Match::What::no_method: {
        head.status = 405;
        head.headers.add("Allow", tree.allow(match.allowed));
        head.headers.add("Content-Type", "application/problem+json");
        const std::string body = to_json({.status = 405, .detail = "not a method of this path"});
        co_return co_await exchange.respond(head, body);
      }
      case Match::What::bad_path:
        co_return co_await respond_problem(exchange, {.status = 400, .detail = "the path is malformed"});
      default: co_return co_await respond_problem(exchange, {.status = 404, .detail = "nothing is here"});
    }
  }
};

std::vector<Route> under(std::string_view prefix, std::vector<Route> routes,
                         const std::vector<Middleware>& around) {
  for (Route& route : routes) {
    const std::size_t blank = route.pattern.find(' ');
    route.pattern.insert(blank == std::string::npos ? 0 : blank + 1, prefix);
    route.around.insert(route.around.begin(), around.begin(), around.end());
  }
  return routes;
}

Router::Router(std::unique_ptr<Table> table) : table_(std::move(table)) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

std::expected<Router, std::string> Router::make(std::vector<Route> routes,
                                                const std::vector<Middleware>& around) {
  if (routes.size() > kRoutesMax) return std::unexpected("more than 2,000 routes\n");
  auto table = std::make_unique<Table>();
  table->around = around;
  std::string mistakes;
  for (Route& route : routes) {
    auto pattern = RoutePattern::parse(route.pattern);
    if (!pattern) {
      mistakes += "route '" + route.pattern + "': " + pattern.error() + "\n";
      continue;
    }
    for (const Table::Entry& other : table->entries) mistakes += conflict(other.pattern, *pattern);
    if (!table->tree.add(*pattern, table->entries.size())) {
      mistakes += "route " + quoted(*pattern) + ": more than 64 methods\n";
    }
    std::vector<Middleware> all = around;
    all.insert(all.end(), route.around.begin(), route.around.end());
    table->entries.push_back({std::move(*pattern), route.handler, std::move(all), {}});
  }
  if (!mistakes.empty()) return std::unexpected(std::move(mistakes));
  for (Table::Entry& entry : table->entries) {  // which do not move any more
    entry.no_values.pattern_ = entry.pattern.text;
    entry.no_values.names_ = entry.pattern.names;
  }
  return Router(std::move(table));
}

Router::Match Router::find(const internal::PathSegments& segments, std::string_view method) const {
  Match match;
  const RouteTree::Found found = table_->tree.find(segments, method);
  if (found.route != RouteTree::kNone) {
    match.what = Match::What::route;
    match.entry = &table_->entries[found.route];
    match.path = match.entry->no_values;
    match.path.values_ = found.values;
  } else if (found.allowed != 0) {
    match.what = method == "OPTIONS" ? Match::What::options : Match::What::no_method;
    match.allowed = found.allowed;
  }
  return match;
}

core::task<void> Router::handle(Exchange& exchange) {
  const std::string_view path = path_of(exchange.request().target);
  const std::string_view method = exchange.request().method;
  Match match{.what = Match::What::bad_path, .path = {}};
  if (path == "*") {
    match.what = method == "OPTIONS" ? Match::What::options : Match::What::no_path;
    match.allowed = UINT64_MAX;
    return serve(exchange, match);
  }
  if (!path.starts_with('/')) return serve(exchange, match);
  if (path.find('%') != std::string_view::npos) return serve_decoded(exchange, path);
  const PathSegments segments(path.substr(1));
  const bool dots = path.find("/.") != std::string_view::npos && has_dot_segment(segments);
  if (!dots) match = find(segments, method);
  if (match.entry != nullptr && match.entry->around.empty() && match.entry->pattern.names.empty()) {
    return match.entry->handler(exchange, match.entry->no_values);
  }
  return serve(exchange, match);
}

core::task<void> Router::serve(Exchange& exchange, Match match) const {
  if (match.entry != nullptr) {
    co_await Next(match.entry->around, match.entry->handler, match.path)(exchange);
    co_return;
  }
  BuiltIn built_in{table_->tree, match};
  const HandlerRef handler = bind<&BuiltIn::answer>(built_in);
  co_await Next(table_->around, handler, match.path)(exchange);
}

// Segment by segment, because a decoded '/' divides nothing; the views that a match
// has are of `decoded`.
core::task<void> Router::serve_decoded(Exchange& exchange, std::string_view path) const {
  const PathSegments raw(path.substr(1));
  std::string decoded;
  decoded.reserve(path.size());
  PathSegments segments{std::string_view()};
  bool whole = true;
  for (std::size_t i = 0; i < raw.count && whole; ++i) {
    if (i > 0) decoded += '/';
    const std::size_t begin = decoded.size();
    whole = percent_decode(raw.at[i], decoded);
    segments.at[i] = std::string_view(decoded).substr(begin);
  }
  segments.count = raw.count;
  segments.path = decoded;
  Match match{.what = Match::What::bad_path, .path = {}};
  // Not even behind a decoded '/'.
  const bool dots = decoded.find('.') != std::string::npos && has_dot_segment(PathSegments(decoded));
  if (whole && !dots && !has_control(decoded)) match = find(segments, exchange.request().method);
  co_await serve(exchange, match);
}

}  // namespace weir::http

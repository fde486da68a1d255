// Which handler serves a request, by its method and path.
//
//   auto router = http::Router::make({
//       {"GET /users/{id}", show_user},
//       {"POST /users", create_user, {require_key}},
//       {"GET /files/{path...}", http::bind<&http::StaticFiles::serve>(files)},
//   });
//   if (!router) ... router.error(): what is wrong with the routes, one line for each
//   http::Server server({}, *router, connections);
//
// Patterns are "METHOD /path", or "/path" for every method. "{name}" matches one
// segment that is not empty, "{name...}", as the last, all that is left, which may be
// nothing: "/files/{path...}" matches "/files/" but not "/files". "/users" and
// "/users/" are two paths.
//
// The narrowest pattern that matches wins, wherever it stands in the list; two of
// which neither is narrower, and which match a path and a method in common, are
// refused by make(). At the same path a route of the method goes before one of every
// method.
//
// Segments are compared and handed out decoded, so that "%2F" divides none. A path
// with "." or ".." as a segment, a bad escape or an encoded control character is
// answered with 400: clients resolve the former before they ask, those that do not
// are after something.
//
// GET serves HEAD; OPTIONS and what no route's method serves (405) are answered with
// Allow, other paths with 404: as problem+json. Middleware given to make() stands
// around these as well; a route's own stands within it. The first is the outermost.
//
// Constant once made; serves any number of requests at once, without an allocation
// where the path has no escapes. The handlers and what they are bound to outlive it.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/http/handling.h"

namespace weir::http {

namespace internal {
struct PathSegments;
}

struct Route {
  std::string pattern;
  HandlerRef handler;
  std::vector<Middleware> around = {};
};

// The routes with `prefix` before their paths and `around` around theirs: a part of
// a service that is written elsewhere. "/" as a path stays: under("/api", {"GET /"})
// is "/api/".
std::vector<Route> under(std::string_view prefix, std::vector<Route> routes,
                         const std::vector<Middleware>& around = {});

class Router final : public Handler {
 public:
  // Pairs of them are compared when it is made.
  static constexpr std::size_t kRoutesMax = 2000;

  // Errors: all mistakes, a line for each, which name the patterns.
  static std::expected<Router, std::string> make(std::vector<Route> routes,
                                                 const std::vector<Middleware>& around = {});
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;
  ~Router() override;

  core::task<void> handle(Exchange& exchange) override;

 private:
  struct Table;
  struct Match;
  struct BuiltIn;

  explicit Router(std::unique_ptr<Table> table);
  Match find(const internal::PathSegments& path, std::string_view method) const;
  core::task<void> serve(Exchange& exchange, Match match) const;
  core::task<void> serve_decoded(Exchange& exchange, std::string_view path) const;

  std::unique_ptr<Table> table_;
};

}  // namespace weir::http

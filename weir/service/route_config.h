// What a bounds file says of routes: which requests one takes, where they go, and what
// is changed in them on the way. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/units.h"
#include "weir/service/compose_config.h"

namespace weir::service {

struct HeaderMatch {
  enum class Kind : std::uint8_t { present, prefix, exact };

  std::string name;
  Kind kind = Kind::present;
  std::string value = {};

  bool operator==(const HeaderMatch&) const = default;
};

struct HeaderEdits {
  std::vector<std::string> remove;                       // first
  std::vector<std::pair<std::string, std::string>> set;  // in place of what is there

  bool empty() const { return remove.empty() && set.empty(); }
  bool operator==(const HeaderEdits&) const = default;
};

// A part of a route's requests.
struct SplitPart {
  std::string upstream;
  std::uint32_t weight = 1;  // against the others'

  bool operator==(const SplitPart&) const = default;
};

// By what requests that belong together are known, which all go the same way.
struct StickyKey {
  enum class Kind : std::uint8_t { none, header, cookie, ip };

  Kind kind = Kind::none;
  std::string name = {};  // of the header or the cookie

  bool operator==(const StickyKey&) const = default;
};

// Copies of requests that go somewhere else as well, and whose replies nobody gets.
struct ShadowConfig {
  std::string upstream;
  double share = 1;                  // of the requests
  std::uint32_t inflight = 10;       // copies at once; what is more is not copied
  std::uint32_t per_second = 100;    // copies in a second
  Bytes body_bytes = kibibytes(64);  // of a request's body; with a larger one it is not copied

  bool operator==(const ShadowConfig&) const = default;
};

// Which one of several takes a request is said in route_table.h.
struct RouteConfig {
  std::string match;                      // the path begins with it; empty: see `path`
  std::string upstream;                   // the name of one of the upstreams; empty: see `split`;
                                          // with `compose`: its main part's
  std::string path = {};                  // the whole path, in which {name} stands for a segment
  std::string host = {};                  // "shop.example.com", "*.example.com", in small letters; empty: any
  std::vector<std::string> methods = {};  // none: any
  std::vector<HeaderMatch> headers = {};  // all of them
  std::vector<SplitPart> split = {};
  StickyKey sticky = {};
  std::optional<ShadowConfig> shadow = {};
  std::optional<ComposeConfig> compose = {};
  std::optional<std::string> rewrite = {};  // takes the place of `match` at the path's beginning
  HeaderEdits request = {};
  HeaderEdits reply = {};

  bool operator==(const RouteConfig&) const = default;

  // Of `match` and `path`, the one that it has.
  const std::string& pattern() const { return path.empty() ? match : path; }
  // All upstreams that its requests may go to.
  std::vector<SplitPart> parts() const {
    return split.empty() ? std::vector<SplitPart>{{.upstream = upstream}} : split;
  }
  // "GET,HEAD shop.example.com/v1/ X-Canary=1", as messages show it.
  std::string text() const;
  // "a", "a 95, b 5", "user: a, offers: b".
  std::string to() const;
};

}  // namespace weir::service

// Which route takes a request. Of those that fit:
//
//   1. the host: one that is written out, then the longest *.suffix, then none
//   2. what the path is to begin with, as far as it is written out: the longest
//   3. a `path` before a `match`; of two paths the one with fewer {names}
//   4. one with methods before one without
//   5. more headers before fewer, then those that say more of their values
//   6. the one that comes first in the file
//
//   const RouteTable table(config.routes);
//   const auto found = table.find(head);       // the number of the route in the file
//
// A look-up is a hash of the host, a binary search of the path among what paths begin
// with, and then only beginnings of the path itself: what it costs grows with the
// logarithm of the number of routes. Paths are compared byte by byte, as they came.
//
// Constant after construction; any thread. find() takes no lock and allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weir/http/message.h"
#include "weir/service/route_config.h"

namespace weir::service {

class RouteTable {
 public:
  // `routes` outlives it.
  explicit RouteTable(const std::vector<RouteConfig>& routes);

  std::optional<std::size_t> find(const http::RequestHead& request) const;

  // A route that takes no request, because another takes all of them.
  struct Shadowed {
    std::size_t route;
    std::size_t by;
    bool same;  // the two ask for the same altogether
  };
  std::vector<Shadowed> shadowed() const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // Routes whose paths begin with the same text, in the order of precedence.
  struct Head {
    std::string_view text;
    std::uint32_t parent = kNone;  // the longest other that this one begins with
    std::vector<std::uint32_t> routes;
  };
  // Those of one host; by text.
  using Heads = std::vector<Head>;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Hosts = std::unordered_map<std::string, Heads, Hash, std::equal_to<>>;

  std::optional<std::size_t> find_in(const Heads& heads, std::string_view path,
                                     const http::RequestHead& request) const;
  std::optional<std::size_t> find_by_host(std::string_view path, const http::RequestHead& request) const;
  bool fits(const RouteConfig& route, std::size_t head, std::string_view path,
            const http::RequestHead& request) const;
  void put(Heads& heads, std::uint32_t route);
  void finish(Heads& heads);
  void find_shadowed(const Heads& heads, std::vector<Shadowed>& found) const;

  const std::vector<RouteConfig>& routes_;
  Hosts exact_;     // by host
  Hosts suffixes_;  // by what follows the star: ".example.com"
  Heads any_;
};

// What is written out at the beginning of a pattern: all of it, or up to its first {.
std::string_view literal_head(std::string_view pattern);

}  // namespace weir::service

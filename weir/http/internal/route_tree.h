// Patterns as a tree by segment, and the way from a path to its route: literals
// before parameters before rests, so that the narrowest pattern is found first.
// Each node is visited once at most.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/http/handling.h"
#include "weir/http/internal/route_pattern.h"

namespace weir::http::internal {

// A path in segments. One more than a pattern may have: what is left after those.
struct PathSegments {
  std::string_view path;  // without its first '/'
  std::array<std::string_view, kPathSegmentsMax + 1> at;
  std::size_t count = 0;

  explicit PathSegments(std::string_view without_slash);
};

class RouteTree {
 public:
  static constexpr std::size_t kNone = SIZE_MAX;
  // Methods of all routes, one bit each.
  static constexpr std::size_t kMethodsMax = 64;

  struct Found {
    std::size_t route = kNone;
    // Where none has the method: those that there are for the path.
    std::uint64_t allowed = 0;
    std::array<std::string_view, PathParams::kMax> values{};
  };

  RouteTree() : root_(std::make_unique<Node>()) {}

  // False: there is no room for another method.
  bool add(const RoutePattern& pattern, std::size_t route);
  Found find(const PathSegments& path, std::string_view method) const;
  // "GET, HEAD, OPTIONS" of `allowed`; of all there are where it is the default.
  std::string allow(std::uint64_t allowed = UINT64_MAX) const;

 private:
  struct Leaf {
    std::uint8_t method;  // an index; kAny
    std::size_t route;
  };
  struct Node {
    std::string literal;
    std::vector<std::unique_ptr<Node>> literals;  // sorted
    std::unique_ptr<Node> parameter;
    std::vector<Leaf> leaves;
    std::vector<Leaf> rests;
  };
  struct Search;
  static constexpr std::uint8_t kAny = UINT8_MAX;
  static constexpr std::uint8_t kUnknown = UINT8_MAX - 1;

  std::uint8_t method_index(std::string_view method) const;
  static Node& child(Node& of, const PatternSegment& segment);
  static bool take(const std::vector<Leaf>& leaves, Search& search);
  static bool visit(const Node& node, std::size_t depth, Search& search);

  std::unique_ptr<Node> root_;
  std::vector<std::string> methods_;
};

}  // namespace weir::http::internal

// A route's pattern: "GET /users/{id}", "/files/{path...}".
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http::internal {

// In one pattern; what a path has more of only a rest matches.
inline constexpr std::size_t kPathSegmentsMax = 32;

struct PatternSegment {
  enum class Kind : std::uint8_t {
    literal,
    parameter,  // one segment that is not empty
    rest,       // all that is left, empty as well; the last
  };
  Kind kind = Kind::literal;
  std::string text = {};  // the literal, decoded; or the name

  bool operator==(const PatternSegment&) const = default;
};

struct RoutePattern {
  std::string text;
  std::string method;  // empty: every one
  std::vector<PatternSegment> segments;
  std::vector<std::string> names;  // of its parameters, in order

  // What is wrong with `text`, for people.
  static std::expected<RoutePattern, std::string> parse(std::string_view text);
};

// How the paths that two patterns match stand to one another.
enum class PatternRelation : std::uint8_t {
  disjoint,
  same,
  narrower,  // the first's are among the second's
  wider,
  crossing,  // some are both's, and each has others
};
PatternRelation relation(const RoutePattern& a, const RoutePattern& b);

}  // namespace weir::http::internal

#include "weir/http/internal/route_pattern.h"

#include <algorithm>

#include "weir/http/handling.h"
#include "weir/http/headers.h"
#include "weir/http/percent.h"

namespace weir::http::internal {
namespace {

using Kind = PatternSegment::Kind;
using Segment = std::expected<PatternSegment, std::string>;

Segment parse_segment(std::string_view text, bool last) {
  if (!text.starts_with('{') || !text.ends_with('}')) {
    if (text.find_first_of("{}") != std::string_view::npos) {
      return std::unexpected("braces stand around a whole segment: '" + std::string(text) + "'");
    }
    if (text == "." || text == "..") return std::unexpected("'.' and '..' match no request");
    PatternSegment literal;
    if (!percent_decode(text, literal.text)) {
      return std::unexpected("a '%' without two hexadecimal digits behind it");
    }
    return literal;
  }
  std::string_view name = text.substr(1, text.size() - 2);
  const bool rest = name.ends_with("...");
  if (rest) name.remove_suffix(3);
  if (!is_token(name)) return std::unexpected("'" + std::string(text) + "' has no name in its braces");
  if (rest && !last) return std::unexpected("'" + std::string(text) + "' is not the last segment");
  return PatternSegment{rest ? Kind::rest : Kind::parameter, std::string(name)};
}

}  // namespace

std::expected<RoutePattern, std::string> RoutePattern::parse(std::string_view text) {
  RoutePattern pattern{.text = std::string(text), .method = {}, .segments = {}, .names = {}};
  std::string_view path = text;
  if (const std::size_t blank = text.find(' '); blank != std::string_view::npos) {
    pattern.method = text.substr(0, blank);
    path = text.substr(blank + 1);
    if (!is_token(pattern.method)) return std::unexpected("what stands before the blank is no method");
  }
  if (!path.starts_with('/')) return std::unexpected("its path does not begin with '/'");
  if (path.find_first_of(" ?#") != std::string_view::npos) {
    return std::unexpected("its path has a blank, '?' or '#'");
  }
  path.remove_prefix(1);
  for (bool more = true; more;) {
    const std::size_t slash = path.find('/');
    more = slash != std::string_view::npos;
    Segment segment = parse_segment(path.substr(0, slash), !more);
    if (!segment) return std::unexpected(std::move(segment.error()));
    if (more) path.remove_prefix(slash + 1);
    if (segment->kind != Kind::literal) {
      if (std::ranges::find(pattern.names, segment->text) != pattern.names.end()) {
        return std::unexpected("'" + segment->text + "' stands in it twice");
      }
      pattern.names.push_back(segment->text);
    }
    pattern.segments.push_back(std::move(*segment));
  }
  if (pattern.segments.size() > kPathSegmentsMax) return std::unexpected("it has more than 32 segments");
  if (pattern.names.size() > PathParams::kMax) return std::unexpected("it has more than 8 parameters");
  return pattern;
}

PatternRelation relation(const RoutePattern& a, const RoutePattern& b) {
  bool a_narrower = false, b_narrower = false;
  for (std::size_t i = 0;; ++i) {
    const bool a_ended = i == a.segments.size();
    const bool b_ended = i == b.segments.size();
    if (a_ended && b_ended) break;
    if (a_ended || b_ended) return PatternRelation::disjoint;
    const PatternSegment& of_a = a.segments[i];
    const PatternSegment& of_b = b.segments[i];
    if (of_a.kind == Kind::rest || of_b.kind == Kind::rest) {
      a_narrower |= of_a.kind != Kind::rest;
      b_narrower |= of_b.kind != Kind::rest;
      break;
    }
    if (of_a.kind == of_b.kind) {
      if (of_a.kind == Kind::literal && of_a.text != of_b.text) return PatternRelation::disjoint;
      continue;
    }
    const PatternSegment& literal = of_a.kind == Kind::literal ? of_a : of_b;
    if (literal.text.empty()) return PatternRelation::disjoint;
    (of_a.kind == Kind::literal ? a_narrower : b_narrower) = true;
  }
  if (a_narrower && b_narrower) return PatternRelation::crossing;
  if (a_narrower) return PatternRelation::narrower;
  return b_narrower ? PatternRelation::wider : PatternRelation::same;
}

}  // namespace weir::http::internal

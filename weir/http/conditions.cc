#include "weir/http/conditions.h"

#include <algorithm>

namespace weir::http {
namespace {

enum class Compare : std::uint8_t { strong, weak };

// Takes a tag from the front. nullopt: there is none.
std::optional<EntityTag> take_tag(std::string_view& text) {
  std::string_view rest = text;
  EntityTag tag;
  if (rest.starts_with("W/")) {
    tag.weak = true;
    rest.remove_prefix(2);
  }
  if (!rest.starts_with('"')) return std::nullopt;
  const std::size_t end = rest.find('"', 1);
  if (end == std::string_view::npos) return std::nullopt;
  tag.opaque = rest.substr(0, end + 1);
  const bool clean =
      std::ranges::none_of(tag.opaque, [](char c) { return (c >= 0 && c <= ' ') || c == '\x7f'; });
  if (!clean) return std::nullopt;
  text = rest.substr(end + 1);
  return tag;
}

bool same(const EntityTag& a, const EntityTag& b, Compare how) {
  return a.opaque == b.opaque && (how == Compare::weak || (!a.weak && !b.weak));
}

// Whether one of the fields' tags is that of the representation; "*": any.
bool lists(const Headers& headers, std::string_view field, const Validators& now, Compare how) {
  const auto own = parse_entity_tag(now.etag);
  for (const auto [name, value] : headers) {
    if (!equals_ignoring_case(name, field)) continue;
    if (value == "*") return now.exists;
    std::string_view rest = value;
    while (true) {
      rest.remove_prefix(std::min(rest.find_first_not_of(", \t"), rest.size()));
      const auto tag = take_tag(rest);
      if (!tag) break;
      if (now.exists && own && same(*tag, *own, how)) return true;
    }
  }
  return false;
}

std::optional<Seconds> date_of(const Headers& headers, std::string_view field) {
  const auto text = headers.get(field);
  return text ? parse_http_date(*text) : std::nullopt;
}

}  // namespace

std::optional<EntityTag> parse_entity_tag(std::string_view text) {
  const auto tag = take_tag(text);
  return text.empty() ? tag : std::nullopt;
}

Condition check_conditions(const RequestHead& request, const Validators& now) {
  const Headers& headers = request.headers;
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (headers.get("If-Match")) {
    if (!lists(headers, "If-Match", now, Compare::strong)) return Condition::failed;
  } else if (const auto since = date_of(headers, "If-Unmodified-Since"); since && now.last_modified) {
    if (*now.last_modified > *since) return Condition::failed;
  }
  if (headers.get("If-None-Match")) {
    if (!lists(headers, "If-None-Match", now, Compare::weak)) return Condition::holds;
    return reads ? Condition::not_modified : Condition::failed;
  }
  if (reads && now.last_modified) {
    const auto since = date_of(headers, "If-Modified-Since");
    if (since && *now.last_modified <= *since) return Condition::not_modified;
  }
  return Condition::holds;
}

bool range_applies(const RequestHead& request, const Validators& now) {
  const auto condition = request.headers.get("If-Range");
  if (!condition) return true;
  if (const auto tag = parse_entity_tag(*condition)) {
    const auto own = parse_entity_tag(now.etag);
    return own && same(*tag, *own, Compare::strong);
  }
  const auto date = parse_http_date(*condition);
  return date && now.last_modified && *date == *now.last_modified;
}

}  // namespace weir::http

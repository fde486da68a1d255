#include "weir/http/ranges.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "weir/http/headers.h"

namespace weir::http {
namespace {

std::string_view trim(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

// Digits alone; what is too large for 64 bits is the largest of them.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::invalid_argument || at != end) return std::nullopt;
  return error == std::errc() ? value : UINT64_MAX;
}

struct Member {
  bool valid = false;
  std::optional<ByteRange> range = {};  // none: beyond the end
};

Member parse_member(std::string_view text, std::uint64_t size) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return {};
  const std::string_view left = text.substr(0, dash);
  const std::string_view right = text.substr(dash + 1);
  if (left.empty()) {
    const auto suffix = number(right);
    if (!suffix) return {};
    const std::uint64_t bytes = std::min(*suffix, size);
    if (bytes == 0) return {.valid = true};
    return {.valid = true, .range = ByteRange{size - bytes, bytes}};
  }
  const auto first = number(left);
  const auto last = right.empty() ? std::optional<std::uint64_t>(UINT64_MAX) : number(right);
  if (!first || !last || *last < *first) return {};
  if (*first >= size) return {.valid = true};
  return {.valid = true, .range = ByteRange{*first, std::min(*last, size - 1) - *first + 1}};
}

// Into the first that it overlaps or touches; what then meets that one as well
// follows it.
void add(std::vector<ByteRange>& parts, ByteRange range) {
  std::size_t place = parts.size();
  for (std::size_t i = 0; i < parts.size();) {
    const ByteRange other = parts[i];
    if (range.first > other.end() || other.first > range.end()) {
      ++i;
      continue;
    }
    const std::uint64_t first = std::min(range.first, other.first);
    range = {first, std::max(range.end(), other.end()) - first};
    place = std::min(place, i);
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i));
    i = 0;  // it has grown
  }
  place = std::min(place, parts.size());
  parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(place), range);
}

}  // namespace

Ranges parse_ranges(std::string_view field, std::uint64_t size) {
  const std::size_t equals = field.find('=');
  if (equals == std::string_view::npos || !equals_ignoring_case(trim(field.substr(0, equals)), "bytes")) {
    return {};
  }
  Ranges ranges;
  std::string_view rest = field.substr(equals + 1);
  std::size_t members = 0;
  while (!rest.empty()) {
    const std::string_view text = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
    const std::string_view member = trim(text);
    if (member.empty()) continue;
    if (++members > Ranges::kMax) return {};
    const Member parsed = parse_member(member, size);
    if (!parsed.valid) return {};
    if (parsed.range) add(ranges.parts, *parsed.range);
  }
  if (members == 0) return {};
  ranges.kind = ranges.parts.empty() ? Ranges::Kind::unsatisfiable : Ranges::Kind::parts;
  return ranges;
}

std::string content_range(const ByteRange& part, std::uint64_t size) {
  return "bytes " + std::to_string(part.first) + "-" + std::to_string(part.end() - 1) + "/" +
         std::to_string(size);
}

std::string content_range_unsatisfied(std::uint64_t size) { return "bytes */" + std::to_string(size); }

}  // namespace weir::http

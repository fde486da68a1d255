#include "weir/http/negotiation.h"

#include <string>

#include "weir/http/internal/field_text.h"

namespace weir::http {
namespace {

using internal::FieldText;

// Each costs a look at each offer.
constexpr std::size_t kMembersMax = 64;
constexpr int kWeightMax = 1000;

// Calls `visit` with the name of each member of all fields called `field`, and
// its weight. False: there is no such field.
template <typename Visit>
bool for_each_member(const Headers& headers, std::string_view field, Visit visit) {
  bool any = false;
  std::size_t members = 0;
  std::string value;
  for (const auto [name, text] : headers) {
    if (!equals_ignoring_case(name, field)) continue;
    any = true;
    for (FieldText member(text); members < kMembersMax && member.next_member(); ++members) {
      const std::string_view what = member.media_type();
      int weight = kWeightMax;
      std::string_view parameter;
      while (member.next_parameter(parameter, value)) {
        if (equals_ignoring_case(parameter, "q")) weight = internal::parse_weight(value);
      }
      if (!what.empty() && weight >= 0) visit(what, weight);
    }
  }
  return any;
}

// How closely a media range names a type: 0 not at all, 3 exactly.
int closeness(std::string_view range, std::string_view type) {
  if (range == "*/*" || range == "*") return 1;
  type = type.substr(0, type.find(';'));
  if (equals_ignoring_case(range, type)) return 3;
  const std::size_t slash = range.find('/');
  if (slash == std::string_view::npos || range.substr(slash) != "/*") return 0;
  return equals_ignoring_case(range.substr(0, slash), type.substr(0, type.find('/'))) ? 2 : 0;
}

}  // namespace

std::optional<std::size_t> choose_media_type(const Headers& headers,
                                             std::span<const std::string_view> offers) {
  std::optional<std::size_t> best;
  int best_weight = 0;
  for (std::size_t i = 0; i < offers.size(); ++i) {
    int closest = 0;
    int weight = 0;
    const bool asked = for_each_member(headers, "Accept", [&](std::string_view range, int of_range) {
      const int close = closeness(range, offers[i]);
      if (close > closest) {
        closest = close;
        weight = of_range;
      }
    });
    if (!asked) return i;
    if (weight > best_weight) {
      best = i;
      best_weight = weight;
    }
  }
  return best;
}

std::string_view to_string(ContentCoding coding) {
  switch (coding) {
    case ContentCoding::gzip: return "gzip";
    case ContentCoding::brotli: return "br";
    case ContentCoding::identity: break;
  }
  return "identity";
}

ContentCoding choose_coding(const Headers& headers, std::span<const ContentCoding> offers) {
  ContentCoding best = ContentCoding::identity;
  int best_weight = 0;
  // What is worth as much as identity is taken before it: that is why it is offered.
  int identity_weight = 0;
  for_each_member(headers, "Accept-Encoding", [&](std::string_view name, int weight) {
    if (equals_ignoring_case(name, "identity")) identity_weight = weight;
  });
  for (const ContentCoding offer : offers) {
    int weight = -1;
    int any = -1;
    for_each_member(headers, "Accept-Encoding", [&](std::string_view name, int of_name) {
      const bool same = equals_ignoring_case(name, to_string(offer)) ||
                        (offer == ContentCoding::gzip && equals_ignoring_case(name, "x-gzip"));
      if (same && weight < 0) weight = of_name;
      if (name == "*" && any < 0) any = of_name;
    });
    if (weight < 0) weight = any;
    if (weight > best_weight && weight >= identity_weight) {
      best = offer;
      best_weight = weight;
    }
  }
  return best;
}

}  // namespace weir::http

#include "weir/admission/priority.h"

#include <algorithm>
#include <array>

namespace weir::admission {
namespace {

constexpr std::array<std::string_view, kClasses> kWords = {"sheddable", "low", "normal", "high", "critical"};

}  // namespace

std::string_view to_string(Criticality criticality) { return kWords[static_cast<std::size_t>(criticality)]; }

std::optional<Criticality> parse_criticality(std::string_view word) {
  const auto* found = std::ranges::find(kWords, word);
  if (found == kWords.end()) return std::nullopt;
  return static_cast<Criticality>(found - kWords.begin());
}

}  // namespace weir::admission

#include "weir/service/tier_rules.h"

#include <algorithm>
#include <cmath>

#include "weir/base/check.h"
#include "weir/service/forwarding.h"

namespace weir::service {

TierRules::TierRules(const TiersConfig& config) : header_(config.header) {
  for (const TierConfig& tier : config.all) {
    const auto number = static_cast<std::uint32_t>(names_.size());
    names_.emplace(tier.name, number);
    for (const std::string& method : tier.methods) methods_.emplace(method, number);
    for (const std::string& path : tier.paths) paths_.emplace_back(path, number);
  }
  std::ranges::sort(paths_, std::greater{}, [](const auto& path) { return path.first.size(); });
  const auto fallback = names_.find(config.fallback);
  WEIR_CHECK(fallback != names_.end(), "a checked configuration names tiers that exist");
  fallback_ = fallback->second;
}

std::uint32_t TierRules::tier_of(const http::RequestHead& request) const {
  if (!header_.empty()) {
    if (const auto word = request.headers.get(header_)) {
      if (const auto named = names_.find(*word); named != names_.end()) return named->second;
    }
  }
  const std::string_view path = path_of(request.target);
  for (const auto& [prefix, number] : paths_) {
    if (path.starts_with(prefix)) return number;
  }
  const auto method = methods_.find(request.method);
  return method == methods_.end() ? fallback_ : method->second;
}

bounds::Budget::Options budget_options(const GatewayConfig& config) {
  const std::uint64_t whole = std::uint64_t{config.inflight.limit} + config.inflight.queue.depth;
  const auto part = [whole](double share) {
    // Not one less because a decimal is not exact.
    return static_cast<std::uint64_t>(std::floor(share * static_cast<double>(whole) + 1e-6));
  };
  bounds::Budget::Options options{
      .name = "tiers", .limit = whole, .because = config.tiers->because, .derived_from = "bounds.inflight"};
  for (const TierConfig& tier : config.tiers->all) {
    const std::uint64_t own = part(tier.share);
    options.tiers.push_back({.name = tier.name,
                             .guaranteed = own,
                             .limit = std::max({std::uint64_t{1}, own, part(tier.most)}),
                             .lends = tier.lends});
  }
  return options;
}

}  // namespace weir::service

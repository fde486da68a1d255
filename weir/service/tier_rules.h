// Which tier a request is of: what a header says, where one is asked and names a tier;
// else the tier with the longest beginning of its path; else that of its method; else
// the one that is declared for the rest.
//
// Constant after construction: any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/bounds/budget.h"
#include "weir/http/message.h"
#include "weir/service/config.h"

namespace weir::service {

class TierRules {
 public:
  explicit TierRules(const TiersConfig& config);

  // Its number, in the order of declaration.
  std::uint32_t tier_of(const http::RequestHead& request) const;

 private:
  std::string header_;
  std::uint32_t fallback_ = 0;
  std::map<std::string, std::uint32_t, std::less<>> names_;
  std::map<std::string, std::uint32_t, std::less<>> methods_;
  std::vector<std::pair<std::string, std::uint32_t>> paths_;  // the longest first
};

// The same as a budget: of all that may be inside and wait, because what waits holds
// its tier's units as well.
bounds::Budget::Options budget_options(const GatewayConfig& config);

}  // namespace weir::service

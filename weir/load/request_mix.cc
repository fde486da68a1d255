#include "weir/load/request_mix.h"

#include <algorithm>

#include "weir/base/check.h"

namespace weir::load {

bool RequestKind::constant() const {
  return target.constant() && body.constant() &&
         std::ranges::all_of(headers, [](const auto& header) { return header.second.constant(); });
}

RequestMix::RequestMix(std::vector<RequestKind> kinds) : kinds_(std::move(kinds)) {
  WEIR_CHECK(!kinds_.empty(), "a mix without a request");
  double sum = 0;
  for (const RequestKind& kind : kinds_) {
    WEIR_CHECK(kind.weight > 0, "a request is never sent without a weight");
    up_to_.push_back(sum += kind.weight);
  }
}

std::size_t RequestMix::pick(Rng& rng) const {
  if (kinds_.size() == 1) return 0;
  const auto chosen = std::ranges::upper_bound(up_to_, uniform(rng) * up_to_.back());
  return std::min(static_cast<std::size_t>(chosen - up_to_.begin()), kinds_.size() - 1);
}

}  // namespace weir::load

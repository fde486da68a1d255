#include "weir/admission/codel.h"

#include <algorithm>

#include "weir/base/check.h"

namespace weir::admission {

Codel::Codel(const Options& options) : options_(options) {
  WEIR_CHECK(options.target > Duration() && options.interval > Duration() && options.slack > Duration(),
             "CoDel's target, interval and slack are above 0");
}

void Codel::look(Duration sojourn, TimePoint now) {
  if (now < interval_ends_) {
    shortest_ = std::min(shortest_, sojourn);
    return;
  }
  // Nobody has looked for a whole interval: what was is of no interest.
  const bool recent = now < saturating_add(interval_ends_, options_.interval);
  overloaded_ = recent && (shortest_ > options_.target || turned_away_);
  turned_away_ = false;
  shortest_ = sojourn;
  interval_ends_ = saturating_add(now, options_.interval);
}

}  // namespace weir::admission

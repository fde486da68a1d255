#include "weir/admission/codel.h"

#include <algorithm>

#include "weir/base/check.h"

namespace weir::admission {

Codel::Codel(const Options& options) : options_(options) {
  WEIR_CHECK(options.target > Duration() && options.interval > Duration() && options.slack > Duration(),
             "CoDel's target, interval and slack are above 0");
}

void Codel::look(Duration sojourn, TimePoint now) {
  if (sojourn == Duration()) {  // no queue stands
    overloaded_ = false;
    shortest_ = {};
    interval_ends_ = saturating_add(now, options_.interval);
  } else if (now >= interval_ends_) {
    overloaded_ = shortest_ > options_.target;
    shortest_ = sojourn;
    interval_ends_ = saturating_add(now, options_.interval);
  } else {
    shortest_ = std::min(shortest_, sojourn);
  }
}

}  // namespace weir::admission

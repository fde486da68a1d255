// Whether a queue stands: CoDel's part of the queues.
//
// Pure logic, its owner's alone. Fed with how long the first of a queue has waited
// whenever it is looked at.
#pragma once

#include "weir/base/clock.h"

namespace weir::admission {

class Codel {
 public:
  struct Options {
    Duration target = 5ms;      // what the first may have waited at best in an interval; above 0
    Duration interval = 100ms;  // how long a queue stands before it counts; above 0
    Duration slack = 10ms;      // how long one may wait in a queue that stands; above 0
  };

  // WEIR_CHECKs them.
  explicit Codel(const Options& options);

  // `sojourn`: of who has waited longest, before anybody is served; 0: nobody waits.
  void look(Duration sojourn, TimePoint now);
  bool overloaded() const { return overloaded_; }
  bool too_long(Duration sojourn) const { return overloaded_ && sojourn > options_.slack; }

 private:
  const Options options_;
  bool overloaded_ = false;
  Duration shortest_ = {};
  TimePoint interval_ends_ = {};
};

}  // namespace weir::admission

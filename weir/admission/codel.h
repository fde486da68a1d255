// Whether a queue stands: CoDel's part of the queues.
//
// A queue stands when the shortest that its first had waited, over an interval,
// exceeds the target; and it goes on to stand as long as somebody is turned away for
// having waited too long: served newest first it is short, and would be taken for one
// that does not stand.
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
  // Whether who has waited so long is to go.
  bool turns_away(Duration sojourn) {
    if (!overloaded_ || sojourn <= options_.slack) return false;
    turned_away_ = true;
    return true;
  }

 private:
  const Options options_;
  bool overloaded_ = false;
  bool turned_away_ = false;  // somebody in this interval
  Duration shortest_ = {};
  TimePoint interval_ends_ = {};
};

}  // namespace weir::admission

// A permit's weight is what was acquired: nobody else writes it.
// expect: (private|protected)
#include "weir/core/limit.h"

using weir::core::Permit;

unsigned weigh(Permit& permit) {
#ifdef MUST_FAIL
  permit.weight_ = 2;
#endif
  return permit.weight();
}

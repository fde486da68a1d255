// A tier and a weight are not taken for each other.
// expect: (cannot convert|no viable conversion|could not convert|cannot initialize)
#include "weir/bounds/budget.h"

using weir::Result;
using weir::bounds::Budget;

Result<Budget::Permit> start(Budget& budget) {
#ifdef MUST_FAIL
  return budget.try_acquire(2u);
#else
  return budget.try_acquire(Budget::Tier{2});
#endif
}

// The same for what did not wait.
// expect: (nodiscard|unused-result|unused-value)
#include "weir/bounds/budget.h"

using weir::Result;
using weir::bounds::Budget;

void start(Budget& budget) {
#ifdef MUST_FAIL
  budget.try_acquire(Budget::Tier{0});
#else
  Result<Budget::Permit> permit = budget.try_acquire(Budget::Tier{0});
#endif
}

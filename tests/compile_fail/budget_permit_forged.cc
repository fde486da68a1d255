// Only a Budget makes permits.
// expect: (private|no matching constructor|no matching function)
#include "weir/bounds/budget.h"

using weir::bounds::Budget;

Budget::Permit make(Budget::Permit& real) {
#ifdef MUST_FAIL
  return Budget::Permit(real.line_, 2u);
#else
  return std::move(real);
#endif
}

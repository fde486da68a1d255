// One unit of a tier, one owner.
// expect: (deleted|implicitly-deleted|implicitly deleted)
#include <utility>

#include "weir/bounds/budget.h"

using weir::bounds::Budget;

Budget::Permit twice(Budget::Permit permit) {
#ifdef MUST_FAIL
  Budget::Permit other = permit;
#else
  Budget::Permit other = std::move(permit);
#endif
  return other;
}

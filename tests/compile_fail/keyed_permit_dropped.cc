// Whether a key had room is the answer: it cannot go unread.
// expect: (nodiscard|unused-result|unused-value)
#include "weir/bounds/keyed_bound.h"

using weir::Result;
using weir::bounds::KeyedBound;

void start(KeyedBound& tenants) {
#ifdef MUST_FAIL
  tenants.try_acquire("a");
#else
  Result<KeyedBound::Permit> permit = tenants.try_acquire("a");
#endif
}

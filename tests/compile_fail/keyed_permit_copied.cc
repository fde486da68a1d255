// One unit of a key, one owner.
// expect: (deleted|implicitly-deleted|implicitly deleted)
#include <utility>

#include "weir/bounds/keyed_bound.h"

using weir::bounds::KeyedBound;

KeyedBound::Permit twice(KeyedBound::Permit permit) {
#ifdef MUST_FAIL
  KeyedBound::Permit other = permit;
#else
  KeyedBound::Permit other = std::move(permit);
#endif
  return other;
}

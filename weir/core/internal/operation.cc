#include "weir/core/internal/operation.h"

#include <mutex>

#include "weir/base/check.h"

namespace weir::core::internal {

bool Operation::try_without_waiting() {
  if (try_now()) return true;
  Lock* lock = source_lock();
  if (lock == nullptr) return false;
  const std::lock_guard guard(*lock);
  if (try_locked()) return true;
  leave_locked();
  return false;
}

Error Operation::error() const {
  switch (refusal_) {
    case Refusal::none: break;
    case Refusal::closed:
      return {.kind = ErrorKind::disconnected, .reason = Reason::closed, .where = label(reason())};
    case Refusal::at_limit:
      return {.kind = ErrorKind::overloaded, .reason = Reason::at_limit, .where = label(reason())};
    case Refusal::queue_full:
      return {.kind = ErrorKind::overloaded, .reason = Reason::queue_full, .where = label(reason())};
    case Refusal::queue_wait:
      return {.kind = ErrorKind::overloaded, .reason = Reason::queue_wait, .where = label(reason())};
    case Refusal::evicted:
      return {.kind = ErrorKind::overloaded, .reason = Reason::evicted, .where = label(reason())};
    case Refusal::expired:
      return {.kind = ErrorKind::overloaded, .reason = Reason::expired, .where = label(reason())};
    case Refusal::too_large:
      return {.kind = ErrorKind::invalid, .reason = Reason::too_large, .where = label(reason())};
  }
  WEIR_CHECK(false, "an operation without an error was asked for it");
  return {};
}

}  // namespace weir::core::internal

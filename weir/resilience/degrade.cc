#include "weir/resilience/degrade.h"

namespace weir::resilience {

std::string_view to_string(Given given) {
  switch (given) {
    case Given::fresh: return "fresh";
    case Given::stale: return "stale";
    case Given::partial: return "partial";
    case Given::fixed: return "static";
    case Given::deferred: return "deferred";
  }
  return "unknown";
}

bool degrades(const Error& error) {
  switch (error.kind) {
    case ErrorKind::overloaded:
    case ErrorKind::deadline:
    case ErrorKind::disconnected:
    case ErrorKind::internal: return true;
    case ErrorKind::cancelled:
    case ErrorKind::invalid:
    case ErrorKind::unsupported: break;
  }
  return false;
}

}  // namespace weir::resilience

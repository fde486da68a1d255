#include "weir/base/result.h"

#include <cerrno>
#include <system_error>

namespace weir {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::overloaded: return "overloaded";
    case ErrorKind::deadline: return "deadline";
    case ErrorKind::cancelled: return "cancelled";
    case ErrorKind::disconnected: return "disconnected";
    case ErrorKind::invalid: return "invalid";
    case ErrorKind::unsupported: return "unsupported";
    case ErrorKind::internal: return "internal";
  }
  return "unknown";
}

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::none: return "none";
    case Reason::at_limit: return "at_limit";
    case Reason::queue_full: return "queue_full";
    case Reason::queue_wait: return "queue_wait";
    case Reason::evicted: return "evicted";
    case Reason::expired: return "expired";
    case Reason::shed: return "shed";
    case Reason::memory_low: return "memory_low";
    case Reason::descriptors_low: return "descriptors_low";
    case Reason::keys_full: return "keys_full";
    case Reason::over_rate: return "over_rate";
    case Reason::breaker_open: return "breaker_open";
    case Reason::budget_spent: return "budget_spent";
    case Reason::throttled: return "throttled";
    case Reason::draining: return "draining";
    case Reason::timed_out: return "timed_out";
    case Reason::refused: return "refused";
    case Reason::reset: return "reset";
    case Reason::closed: return "closed";
    case Reason::malformed: return "malformed";
    case Reason::too_large: return "too_large";
    case Reason::unresolved: return "unresolved";
    case Reason::certificate: return "certificate";
    case Reason::handshake: return "handshake";
    case Reason::plain_text: return "plain_text";
    case Reason::system: return "system";
  }
  return "unknown";
}

std::string Error::message() const {
  std::string text(to_string(kind));
  if (reason != Reason::none) {
    text += ": ";
    text += to_string(reason);
  }
  if (!where.empty()) {
    text += " at ";
    text += where;
  }
  if (system_code != 0) {
    text += " (";
    text += std::generic_category().message(system_code);
    text += ")";
  }
  return text;
}

Error system_error(int code, std::string_view where) {
  Error error{.kind = ErrorKind::internal, .reason = Reason::system, .system_code = code, .where = where};
  switch (code) {
    case ECONNREFUSED:
      error.kind = ErrorKind::disconnected;
      error.reason = Reason::refused;
      break;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
      error.kind = ErrorKind::disconnected;
      error.reason = Reason::reset;
      break;
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
      error.kind = ErrorKind::disconnected;
      error.reason = Reason::timed_out;
      break;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: error.kind = ErrorKind::overloaded; break;
    default: break;
  }
  return error;
}

}  // namespace weir

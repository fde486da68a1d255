#include "weir/http/tls_outcome.h"

namespace weir::http {

TlsOutcome tls_outcome(const Error& error) {
  if (error.kind == ErrorKind::deadline) return TlsOutcome::timed_out;
  switch (error.reason) {
    case Reason::plain_text: return TlsOutcome::plain_text;
    case Reason::certificate: return TlsOutcome::certificate;
    case Reason::handshake: return TlsOutcome::terms;
    default: return TlsOutcome::broken_off;
  }
}

std::string_view to_string(TlsOutcome outcome) {
  switch (outcome) {
    case TlsOutcome::full: return "full";
    case TlsOutcome::resumed: return "resumed";
    case TlsOutcome::plain_text: return "plain_text";
    case TlsOutcome::certificate: return "certificate";
    case TlsOutcome::terms: return "terms";
    case TlsOutcome::timed_out: return "timed_out";
    case TlsOutcome::broken_off: return "broken_off";
  }
  return "unknown";
}

}  // namespace weir::http

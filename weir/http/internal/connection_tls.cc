// How a connection begins where TLS is spoken.
#include <utility>

#include "weir/core/now.h"
#include "weir/http/internal/connection.h"

namespace weir::http::internal {

core::task<bool> Connection::secure() {
  Counters& counters = service_.shard.counters;
  const TimePoint deadline = saturating_add(core::now(), service_.options.tls_handshake_timeout);
  const Result<> started = co_await socket_.start_tls_server(idle_context_, *service_.tls, deadline);
  if (started) {
    tls_facts_ = std::make_unique<const net::TlsFacts>(socket_.tls_facts());
    facts_.tls = true;
    facts_.server_name = tls_facts_->server_name;
    facts_.client_subject = tls_facts_->peer_subject;
    is_http2_ = may_be_http2_ && socket_.alpn() == "h2";
    counters.count(tls_facts_->resumed ? TlsOutcome::resumed : TlsOutcome::full);
    co_return true;
  }
  const TlsOutcome outcome = tls_outcome(started.error());
  counters.count(outcome);
  if (outcome == TlsOutcome::plain_text) {
    refuse(Refusal::plain_text);
  } else if (started.error().kind == ErrorKind::invalid) {
    lingering_ = true;  // so that the client reads our alert, and no reset over it
  } else {
    aborted_ = true;
  }
  co_return false;
}

}  // namespace weir::http::internal

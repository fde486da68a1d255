// How a connection begins where TLS is spoken.
#include <utility>

#include "weir/core/now.h"
#include "weir/http/internal/connection.h"

namespace weir::http::internal {

Connection::TlsSide::TlsSide(net::TlsFacts of_socket)
    : texts(std::move(of_socket)),
      facts{.tls = true, .server_name = texts.server_name, .client_subject = texts.peer_subject} {}

core::task<bool> Connection::secure() {
  Counters& counters = service_.shard.counters;
  const TimePoint deadline = saturating_add(core::now(), service_.options.tls_handshake_timeout);
  const Result<> started = co_await socket_.start_tls_server(idle_context_, *service_.tls, deadline);
  if (started) {
    tls_ = std::make_unique<const TlsSide>(socket_.tls_facts());
    is_http2_ = may_be_http2_ && socket_.alpn() == "h2";
    counters.count(tls_->texts.resumed ? TlsOutcome::resumed : TlsOutcome::full);
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

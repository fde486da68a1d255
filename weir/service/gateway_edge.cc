// What the gateway does besides handing requests on: WebSockets, a line for each request
// in the access log, the files of TLS read again.
#include <utility>

#include "weir/core/now.h"
#include "weir/service/gateway.h"
#include "weir/service/header_edits.h"
#include "weir/service/tunnel.h"

namespace weir::service {
namespace {

// Nothing but a WebSocket is passed through: an upstream that took "h2c", say, would
// be spoken to past all that stands before it.
bool asks_for_websocket(const http::RequestHead& request) {
  if (request.method != "GET" || request.version_minor == 0) return false;
  if (!request.headers.has_token("Connection", "upgrade")) return false;
  const auto upgrade = request.headers.get("Upgrade");
  return upgrade && http::equals_ignoring_case(*upgrade, "websocket") &&
         request.headers.get_all("Upgrade").size() == 1;
}

}  // namespace

// Empty where the request asks for none, or none is passed through.
Result<core::Permit> Gateway::take_websocket(const Serving& serving, http::RequestHead& out) const {
  const bool asked =
      websockets_ && serving.exchange.body().length() == 0 && asks_for_websocket(serving.exchange.request());
  if (!asked) return core::Permit();
  Result<core::Permit> permit = websockets_->try_acquire();
  if (!permit) return permit;
  out.headers.set("Connection", "Upgrade");
  out.headers.set("Upgrade", "websocket");
  return permit;
}

// The permits are held for as long as it is open. No time is up but that of its own
// silence, and the drain's.
core::task<Forwarded> Gateway::tunnel(const Serving& serving, Upstream::Reply& reply, core::Permit permit) {
  http::Exchange& exchange = serving.exchange;
  const http::ResponseHead& answer = reply.response.head();
  if (!answer.headers.has_token("Upgrade", "websocket")) {
    co_return fail(ErrorKind::invalid, Reason::malformed, "upgrade");
  }
  http::ResponseHead head;
  forwarding_.response(answer, head);
  apply_edits(serving.route.config->reply, head.headers);
  head.headers.set("Upgrade", "websocket");
  head.headers.set(http::kRequestIdField, exchange.id());
  const Result<http::ByteStream*> client = co_await exchange.upgrade(head);
  if (!client) co_return Outcome::client_gone;
  (void)co_await run_tunnel(exchange.context(), std::move(permit), **client, *reply.response.stream(),
                            websocket_idle_);
  co_return Outcome::upgraded;
}

void Gateway::log(http::Exchange& exchange, std::string_view upstream, Outcome outcome, Duration took,
                  Duration upstream_took) {
  if (!access_log_) return;
  const http::RequestHead& request = exchange.request();
  const bool bodiless = request.method == "HEAD";
  access_log_->add({.request = request,
                    .client = trust_.client(request.headers, exchange.peer()),
                    .status = exchange.sent().status,
                    .bytes = bodiless ? 0 : exchange.sent().body_bytes,
                    .took = took,
                    .upstream = upstream,
                    .upstream_took = upstream_took,
                    .outcome = to_string(outcome),
                    .id = exchange.id(),
                    .tenant = admission_.tenant_of(request).value_or("")});
}

void Gateway::on_refused(const net::SocketAddress& peer, const http::RequestHead& head,
                         http::Refusal refusal) {
  if (!access_log_) return;
  const http::RefusalFacts& why = http::facts(refusal);
  access_log_->add({.request = head, .client = peer, .status = why.status, .outcome = why.label});
}

std::string Gateway::renew_tls() {
  std::string faults;
  for (const auto& upstream : table_.get()->upstreams()) {
    const std::string fault = upstream->renew_tls();
    if (!fault.empty()) faults += "upstreams." + upstream->config().name + ".tls: " + fault + '\n';
  }
  return faults;
}

}  // namespace weir::service

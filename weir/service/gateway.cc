#include "weir/service/gateway.h"

#include <algorithm>
#include <atomic>
#include <charconv>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/service/refusal_reply.h"

namespace weir::service {
namespace {

// What a client that was refused had better wait: long enough for the queue it
// did not get into to have turned over, and at least the second that
// Retry-After can express.
constexpr Duration kRetryAfter = 1s;

Outcome outcome_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::deadline: return Outcome::upstream_timeout;
    case ErrorKind::cancelled: return Outcome::client_gone;
    case ErrorKind::overloaded: return Outcome::refused_upstream;
    case ErrorKind::invalid: return Outcome::upstream_malformed;
    case ErrorKind::disconnected: break;
    default: return Outcome::upstream_unreachable;
  }
  switch (error.reason) {
    case Reason::refused: return Outcome::upstream_refused;
    case Reason::reset: return Outcome::upstream_reset;
    case Reason::closed: return Outcome::upstream_closed;
    case Reason::timed_out: return Outcome::upstream_timeout;  // of the connection's handshake
    default: return Outcome::upstream_unreachable;
  }
}

// One call of an upstream, for one request.
struct Call {
  http::Exchange& exchange;
  core::Context& context;  // ends with the upstream's time
  const ClientBody& request_body;
  std::string_view upstream;
};

bounds::Bound::Options inflight_options(const InflightConfig& config) {
  return {.name = "inflight",
          .limit = config.limit,
          .queue_depth = config.queue.depth,
          .queue_wait = config.queue.wait,
          .because = config.because};
}

bounds::KeyedBound::Options tenant_options(const TenantConfig& config, const bounds::Bound& parent) {
  return {.name = "tenant",
          .limit = config.inflight,
          .keys_max = config.keys_max,
          .because = config.because,
          .parent = &parent};
}

// What the client learns of an upstream that did not answer as it should.
RefusalReply failure_reply(Outcome outcome, std::string_view upstream) {
  RefusalReply reply{.status = 502, .reason = to_string(outcome), .message = {}, .upstream = upstream};
  switch (outcome) {
    case Outcome::upstream_timeout:
      reply.status = 504;
      reply.message = "the upstream did not answer in time";
      break;
    case Outcome::upstream_refused: reply.message = "the upstream refuses connections"; break;
    case Outcome::upstream_reset: reply.message = "the upstream reset the connection"; break;
    case Outcome::upstream_closed:
      reply.message = "the upstream closed the connection without an answer";
      break;
    case Outcome::upstream_malformed: reply.message = "the upstream's answer is not HTTP"; break;
    case Outcome::refused_upstream:
      reply.status = 503;
      reply.message = "no connection to the upstream is free";
      reply.retry_after = kRetryAfter;
      break;
    default: reply.message = "the upstream cannot be reached"; break;
  }
  return reply;
}

// While no head is out: tells the client what became of its request.
core::task<Outcome> reply_to_failure(const Call& call, const Error& error) {
  if (call.exchange.context().cancelled()) co_return Outcome::client_gone;
  // Without a reply of ours the server answers with the status of its refusal.
  if (call.request_body.failed()) co_return Outcome::request_body_failed;
  const Outcome outcome = outcome_of(error);
  co_await send_refusal(call.exchange, failure_reply(outcome, call.upstream));
  co_return outcome;
}

// Afterwards: the client learns that what it has is not whole.
Outcome break_off(const Call& call) {
  call.exchange.abort();
  if (call.exchange.context().cancelled()) return Outcome::client_gone;
  return call.request_body.failed() ? Outcome::request_body_failed : Outcome::upstream_broke_off;
}

// A response whose whole body is one piece at hand goes out in one write.
bool is_whole(const http::BodySource& body, std::size_t first_piece) { return body.length() == first_piece; }

// What a HEAD request or a 304 says of a body that does not come.
http::BodyLength announced_length(const http::ResponseHead& head, const http::BodySource& body) {
  if (const auto length = body.length(); length && *length > 0) return http::BodyLength::known(*length);
  if (const auto text = head.headers.get("content-length")) {
    std::uint64_t bytes = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), bytes);
    if (error == std::errc{} && end == text->data() + text->size()) return http::BodyLength::known(bytes);
  }
  // Of a body without a length, a HEAD does not say that it is empty.
  return http::has_no_body(head.status) ? http::BodyLength::none() : http::BodyLength::chunked();
}

// Hands the upstream's answer on, of which `head` is what the client gets.
core::task<Outcome> relay(const Call& call, const http::ResponseHead& head, http::ClientResponse& response) {
  http::BodySource& body = response.body();
  auto piece = co_await body.next(call.context);
  if (!piece) co_return co_await reply_to_failure(call, piece.error());
  if (is_whole(body, piece->size()) && !piece->empty()) {
    const Result<> sent = co_await call.exchange.respond(head, *piece);
    // The end is read too, so that the connection can be used again.
    (void)co_await body.next(call.context);
    co_return sent ? Outcome::forwarded : Outcome::client_gone;
  }
  Result<> sent = co_await call.exchange.start(head, announced_length(response.head(), body));
  while (sent && piece && !piece->empty()) {
    sent = co_await call.exchange.write(*piece);
    if (sent) piece = co_await body.next(call.context);
  }
  if (!piece) co_return break_off(call);
  if (sent) sent = co_await call.exchange.finish(body.trailers());
  co_return sent ? Outcome::forwarded : Outcome::client_gone;
}

void resize(bounds::Bound& bound, std::uint64_t limit) {
  const auto resized = bound.resize(limit);
  WEIR_CHECK(resized, resized.error().c_str());
}

}  // namespace

Gateway::Gateway(const GatewayConfig& config, const std::vector<net::SocketAddress>& addresses,
                 bounds::Ledger& ledger, unsigned processors)
    : forwarding_(config.service),
      inflight_(ledger, inflight_options(config.inflight)),
      unrouted_("", processors) {
  WEIR_CHECK(addresses.size() == config.upstreams.size(), "one address for each upstream");
  if (config.tenant) {
    tenant_header_ = config.tenant->header;
    tenants_ = std::make_unique<bounds::KeyedBound>(ledger, tenant_options(*config.tenant, inflight_));
  }
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    upstreams_.push_back(std::make_unique<Upstream>(config.upstreams[i], addresses[i], ledger, processors));
  }
  for (const RouteConfig& route : config.routes) {
    const auto upstream =
        std::ranges::find(upstreams_, route.upstream, [](const auto& u) { return u->config.name; });
    WEIR_CHECK(upstream != upstreams_.end(), "a checked configuration routes to upstreams that exist");
    routes_.push_back({route.match, upstream->get()});
  }
  std::ranges::sort(routes_, std::greater{}, [](const Route& route) { return route.prefix.size(); });
}

Gateway::~Gateway() = default;

void Gateway::apply(const GatewayConfig& to) {
  resize(inflight_, to.inflight.limit);
  for (const auto& upstream : upstreams_) {
    const UpstreamConfig* now = to.find_upstream(upstream->config.name);
    WEIR_CHECK(now != nullptr, "the upstreams are the same");
    upstream->apply(*now);
  }
}

std::vector<Gateway::UpstreamSnapshot> Gateway::upstreams() const {
  std::vector<UpstreamSnapshot> snapshots;
  for (const auto& upstream : upstreams_) snapshots.push_back({&upstream->stats, upstream->client.stats()});
  return snapshots;
}

void Gateway::spawn_housekeeping(core::Scope& scope, core::Limit& tasks) {
  for (const auto& upstream : upstreams_) {
    Result<core::Permit> permit = tasks.try_acquire();
    WEIR_CHECK(permit, "a task for each upstream is declared");
    scope.spawn(std::move(*permit), upstream->client.keep_swept(scope.context()));
  }
}

Gateway::Upstream* Gateway::find_upstream(std::string_view path) const {
  const auto route =
      std::ranges::find_if(routes_, [path](const Route& r) { return path.starts_with(r.prefix); });
  return route == routes_.end() ? nullptr : route->upstream;
}

core::task<void> Gateway::handle(http::Exchange& exchange) {
  const TimePoint start = core::now();
  Upstream* upstream = find_upstream(path_of(exchange.request().target));
  if (upstream == nullptr) {
    unrouted_.count(Outcome::no_route, {});
    co_await send_refusal(exchange,
                          {.status = 404, .reason = "no_route", .message = "no route matches this path"});
    co_return;
  }
  const Outcome outcome = co_await admit_and_forward(exchange, *upstream);
  upstream->stats.count(outcome, core::now() - start);
}

// The permits live as long as this frame: until the reply is with the kernel.
core::task<Outcome> Gateway::admit_and_forward(http::Exchange& exchange, Upstream& upstream) {
  bounds::KeyedBound::Permit tenant_permit;
  if (tenants_ != nullptr) {
    if (const auto tenant = exchange.request().headers.get(tenant_header_)) {
      auto permit = tenants_->try_acquire(*tenant);
      if (!permit && permit.error().kind == ErrorKind::invalid) {
        co_await send_refusal(exchange, {.status = 400,
                                         .reason = "tenant_key",
                                         .message = "the tenant's key is longer than a key may be",
                                         .bound = permit.error().where});
        co_return Outcome::refused_tenant;
      }
      if (!permit) {
        co_await refuse_at(exchange, 429, permit.error(), tenants_->options().limit);
        co_return Outcome::refused_tenant;
      }
      tenant_permit = std::move(*permit);
    }
  }
  const Result<core::Permit> inflight = co_await inflight_.acquire(exchange.context());
  if (!inflight) {
    if (inflight.error().kind == ErrorKind::cancelled) co_return Outcome::client_gone;
    co_await refuse_at(exchange, 503, inflight.error(), inflight_.stats().limit);
    co_return Outcome::refused_inflight;
  }
  const Result<core::Permit> own = upstream.inflight.try_acquire();
  if (!own) {
    co_await refuse_at(exchange, 503, own.error(), upstream.inflight.stats().limit);
    co_return Outcome::refused_upstream;
  }
  co_return co_await forward(exchange, upstream);
}

core::task<void> Gateway::refuse_at(http::Exchange& exchange, int status, const Error& error,
                                    std::uint64_t limit) {
  co_await send_refusal(exchange,
                        {.status = status,
                         .reason = weir::to_string(error.reason),
                         .message = status == 429 ? "this tenant has as many requests inside as it may have"
                                                  : "as many requests are inside as the service can carry",
                         .bound = error.where,
                         .limit = limit,
                         .retry_after = kRetryAfter});
}

core::task<Outcome> Gateway::forward(http::Exchange& exchange, Upstream& upstream) {
  core::Context context(exchange.context(), saturating_add(core::now(), upstream.time_limit()));
  http::RequestHead request;
  forwarding_.request(exchange.request(), exchange.peer(), request);
  ClientBody body(exchange.body());
  const Call call{exchange, context, body, upstream.config.name};
  if (Result<> fault = co_await testing::fault_point(context, forward_point_); !fault) {
    co_return co_await reply_to_failure(call, fault.error());
  }
  const bool has_body = body.length() != 0;
  Result<http::ClientResponse> response =
      co_await upstream.client.send(context, request, has_body ? &body : nullptr);
  if (!response) co_return co_await reply_to_failure(call, response.error());
  http::ResponseHead head;
  forwarding_.response(response->head(), head);
  co_return co_await relay(call, head, *response);
}

}  // namespace weir::service

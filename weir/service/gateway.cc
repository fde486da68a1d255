#include "weir/service/gateway.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weir/admission/admission.h"
#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/service/grpc.h"
#include "weir/service/refusal_reply.h"
#include "weir/service/relay.h"

namespace weir::service {
namespace {

// What a client that was refused had better wait: long enough for the queue it
// did not get into to have turned over, and at least the second that
// Retry-After can express.
constexpr Duration kRetryAfter = 1s;

// Where it is told what became of what was deferred: behind it upstream and ticket.
constexpr std::string_view kTicketPath = "/-/deferred/";

Outcome outcome_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::deadline: return Outcome::upstream_timeout;
    case ErrorKind::cancelled: return Outcome::client_gone;
    case ErrorKind::overloaded: break;
    case ErrorKind::invalid: return Outcome::upstream_malformed;
    case ErrorKind::disconnected: break;
    default: return Outcome::upstream_unreachable;
  }
  if (error.kind == ErrorKind::overloaded) {
    if (error.reason == Reason::breaker_open) return Outcome::refused_breaker;
    return error.reason == Reason::throttled ? Outcome::refused_throttle : Outcome::refused_upstream;
  }
  switch (error.reason) {
    case Reason::refused: return Outcome::upstream_refused;
    case Reason::reset: return Outcome::upstream_reset;
    case Reason::closed: return Outcome::upstream_closed;
    case Reason::timed_out: return Outcome::upstream_timeout;  // of the connection's handshake
    default: return Outcome::upstream_unreachable;
  }
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
    case Outcome::refused_breaker:
      reply.status = 503;
      reply.reason = "breaker_open";
      reply.message = "the upstream fails and is not asked for now";
      reply.retry_after = kRetryAfter;
      break;
    case Outcome::refused_throttle:
      reply.status = 503;
      reply.reason = "throttled";
      reply.message = "the upstream refuses such requests and is not asked for now";
      reply.retry_after = kRetryAfter;
      break;
    case Outcome::refused_upstream:
      reply.status = 503;
      reply.message = "no connection to the upstream is free";
      reply.retry_after = kRetryAfter;
      break;
    default: reply.message = "the upstream cannot be reached"; break;
  }
  return reply;
}

// What the limiter is to make of it.
admission::Outcome verdict_of(const Forwarded& forwarded) {
  if (forwarded) {
    return *forwarded == Outcome::client_gone ? admission::Outcome::abandoned : admission::Outcome::completed;
  }
  const ErrorKind kind = forwarded.error().kind;
  if (kind == ErrorKind::cancelled) return admission::Outcome::abandoned;
  return kind == ErrorKind::deadline || kind == ErrorKind::overloaded ? admission::Outcome::dropped
                                                                      : admission::Outcome::completed;
}

Outcome outcome_of(GatewayAdmission::Refuser refuser) {
  switch (refuser) {
    case GatewayAdmission::Refuser::tenant: return Outcome::refused_tenant;
    case GatewayAdmission::Refuser::caller: return Outcome::refused_caller;
    case GatewayAdmission::Refuser::memory: return Outcome::refused_memory;
    case GatewayAdmission::Refuser::tier: return Outcome::refused_tier;
    case GatewayAdmission::Refuser::all: break;
  }
  return Outcome::refused_inflight;
}

}  // namespace

Gateway::Gateway(const GatewayConfig& config, const std::vector<net::SocketAddress>& addresses,
                 bounds::Ledger& ledger, unsigned processors)
    : forwarding_(config.service),
      service_(config.service),
      admission_(config, ledger, processors),
      unrouted_("", processors) {
  WEIR_CHECK(addresses.size() == config.upstreams.size(), "one address for each upstream");
  const Upstream::Parts parts{config.priority, forwarding_, ledger, forward_point_, processors};
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    upstreams_.push_back(std::make_unique<Upstream>(config.upstreams[i], addresses[i], parts));
  }
  for (const RouteConfig& route : config.routes) {
    const auto upstream =
        std::ranges::find(upstreams_, route.upstream, [](const auto& u) { return u->config().name; });
    WEIR_CHECK(upstream != upstreams_.end(), "a checked configuration routes to upstreams that exist");
    routes_.push_back({route.match, upstream->get()});
  }
  std::ranges::sort(routes_, std::greater{}, [](const Route& route) { return route.prefix.size(); });
}

Gateway::~Gateway() = default;

void Gateway::apply(const GatewayConfig& to) {
  admission_.apply(to);
  for (const auto& upstream : upstreams_) {
    const UpstreamConfig* config = to.find_upstream(upstream->config().name);
    WEIR_CHECK(config != nullptr, "the upstreams are the same");
    upstream->apply(*config, to.priority);
  }
}

void Gateway::spawn_housekeeping(core::Scope& scope, core::Limit& tasks) {
  const auto start = [&](core::task<> task) {
    Result<core::Permit> permit = tasks.try_acquire();
    WEIR_CHECK(permit, "the tasks of each upstream are declared");
    scope.spawn(std::move(*permit), std::move(task));
  };
  if (admission_.memory() != nullptr) start(admission_.memory()->run(scope.context()));
  for (const auto& upstream : upstreams_) {
    start(upstream->keep_swept(scope.context()));
    if (upstream->shares()) start(upstream->run_shared(scope.context()));
    if (upstream->deferral() != nullptr) start(upstream->run_deferral(scope.context()));
  }
}

Upstream* Gateway::find_upstream(std::string_view path) const {
  const auto route =
      std::ranges::find_if(routes_, [path](const Route& r) { return path.starts_with(r.prefix); });
  return route == routes_.end() ? nullptr : route->upstream;
}

core::task<void> Gateway::handle(http::Exchange& exchange) {
  const TimePoint start = core::now();
  if (co_await answer_ticket(exchange)) co_return;
  Upstream* upstream = find_upstream(path_of(exchange.request().target));
  if (upstream == nullptr) {
    unrouted_.count(Outcome::no_route, {});
    co_await send_refusal(exchange,
                          {.status = 404, .reason = "no_route", .message = "no route matches this path"});
    co_return;
  }
  const Outcome outcome = co_await serve(exchange, *upstream);
  upstream->stats().count(outcome, core::now() - start);
}

// What could not be served is answered when nothing is held any more.
core::task<Outcome> Gateway::serve(http::Exchange& exchange, Upstream& upstream) {
  Refused refused;
  ClientBody body(exchange.body());
  const Forwarded forwarded = co_await admit_and_forward(exchange, upstream, body, refused);
  if (forwarded) co_return *forwarded;
  if (exchange.context().cancelled()) co_return Outcome::client_gone;
  if (refused.by == Outcome::refused_tenant || refused.by == Outcome::refused_caller) {
    co_await refuse(exchange, refused, forwarded.error());
    co_return refused.by;
  }
  if (const auto degraded = co_await degrade(exchange, upstream, body)) co_return *degraded;
  if (refused.at_bound) {
    co_await refuse(exchange, refused, forwarded.error());
    co_return refused.by;
  }
  RefusalReply reply = failure_reply(refused.by, upstream.config().name);
  if (reply.retry_after > Duration::zero()) {
    reply.retry_after = std::max(reply.retry_after, forwarded.error().retry_after);
  }
  co_await send_refusal(exchange, reply);
  co_return refused.by;
}

// The permits live as long as this frame: until the reply is with the kernel, or
// until it is clear that there is none.
core::task<Forwarded> Gateway::admit_and_forward(http::Exchange& exchange, Upstream& upstream,
                                                 ClientBody& body, Refused& refused) {
  Result<admission::Admitted> admitted = co_await admission_.ask(exchange.context(), exchange.request());
  if (!admitted) {
    const GatewayAdmission::Refuser refuser = admission_.refuser(admitted.error());
    refused = {.by = outcome_of(refuser), .at_bound = true, .limit = admission_.limit_of(refuser)};
    co_return std::unexpected(admitted.error());
  }
  const Forwarded forwarded =
      co_await forward(exchange, upstream, body, {.level = admitted->level(), .flow = admitted->flow()});
  admitted->complete(verdict_of(forwarded));
  if (!forwarded) {
    refused.by = outcome_of(forwarded.error());
    refused.at_bound = forwarded.error().where == upstream.inflight().name();
    refused.limit = upstream.inflight().limit();
  }
  co_return forwarded;
}

core::task<Forwarded> Gateway::forward(http::Exchange& exchange, Upstream& upstream, ClientBody& body,
                                       Upstream::Asker asker) {
  // The caller's own patience, where it tells it, and the upstream learns what is left of it.
  const auto patience = grpc_timeout(exchange.request().headers);
  const Duration timeout = std::min(patience.value_or(upstream.timeout()), upstream.timeout());
  core::Context context(exchange.context(), saturating_add(core::now(), timeout));
  http::RequestHead request;
  forwarding_.request(exchange.request(), exchange.peer(), request);
  if (patience) request.headers.set("grpc-timeout", grpc_timeout_text(timeout));
  if (upstream.shares()) {
    if (auto key = shared_key(exchange.request(), body.length() != 0)) {
      const Sharer sharer{.upstream = upstream, .context = context, .asker = asker};
      const Forwarded served = co_await forward_shared(exchange, sharer, std::move(*key), request);
      if (!served || *served != Outcome::no_route) co_return served;
    }
  }
  Result<Upstream::Reply> reply = co_await upstream.send(context, request, body, asker);
  if (!reply) {
    // Without a reply of ours the server answers with the status of its refusal.
    if (body.failed()) co_return Outcome::request_body_failed;
    co_return std::unexpected(reply.error());
  }
  http::ResponseHead head;
  forwarding_.response(reply->response.head(), head);
  const Forwarded relayed = co_await relay({exchange, context, body}, head, reply->response);
  if (!relayed && body.failed()) co_return Outcome::request_body_failed;
  co_return relayed;
}

// no_route: what came is of no use to this request, which has to go itself.
core::task<Forwarded> Gateway::forward_shared(http::Exchange& exchange, const Sharer& sharer, std::string key,
                                              const http::RequestHead& request) {
  const std::uint64_t id = requests_.fetch_add(1, std::memory_order_relaxed) + 1;
  const Result<Upstream::Found> found =
      co_await sharer.upstream.find(sharer.context, std::move(key), request, id, sharer.asker);
  if (!found) co_return std::unexpected(found.error());
  const StoredReply& stored = *found->value;
  if (!stored.whole || (!stored.for_all && stored.loader != id)) co_return Outcome::no_route;
  const bool loaded = found->freshness == resilience::Freshness::loaded;
  const bool sent = co_await respond_stored(exchange, stored, found->age, found->freshness);
  if (!sent) co_return Outcome::client_gone;
  if (loaded) co_return stored.loader == id ? Outcome::forwarded : Outcome::joined;
  co_return found->freshness == resilience::Freshness::fresh ? Outcome::cached : Outcome::stale;
}

// Where no good reply is to be had: what is there, else a promise, else the reply that
// is declared.
core::task<std::optional<Outcome>> Gateway::degrade(http::Exchange& exchange, Upstream& upstream,
                                                    ClientBody& body) {
  if (co_await serve_stale(exchange, upstream)) co_return Outcome::stale;
  // Of a body that has been begun a part is gone.
  if (Deferral* deferral = upstream.deferral(); deferral != nullptr && !body.begun()) {
    if (const auto deferred = co_await defer(exchange, *deferral, body)) co_return deferred;
  }
  const auto fallback = upstream.fallback();
  if (fallback == nullptr) co_return std::nullopt;
  http::ResponseHead head;
  head.status = fallback->status;
  head.headers.add("Content-Type", fallback->content_type);
  head.headers.add("Weir-Degraded", "fallback");
  const Result<> sent = co_await exchange.respond(head, fallback->body);
  co_return sent ? Outcome::fallback : Outcome::client_gone;
}

core::task<std::optional<Outcome>> Gateway::defer(http::Exchange& exchange, Deferral& deferral,
                                                  ClientBody& body) {
  if (!deferral.takes(exchange.request(), body)) co_return std::nullopt;
  http::RequestHead request;
  forwarding_.request(exchange.request(), exchange.peer(), request);
  const std::optional<std::string> ticket = co_await deferral.take(exchange.context(), request, body);
  if (!ticket) co_return std::nullopt;
  http::ResponseHead head;
  head.status = 202;
  head.headers.add("Location", fmt::format("{}{}/{}", kTicketPath, deferral.upstream(), *ticket));
  head.headers.add("Content-Type", "application/json");
  head.headers.add("Retry-After", "1");
  head.headers.add("Weir-Degraded", "deferred");
  const Result<> sent = co_await exchange.respond(head, to_json(Deferral::Ticket{}));
  co_return sent ? Outcome::deferred : Outcome::client_gone;
}

// False: the request is none for what became of another.
core::task<bool> Gateway::answer_ticket(http::Exchange& exchange) {
  std::string_view path = path_of(exchange.request().target);
  if (!path.starts_with(kTicketPath) || exchange.request().method != "GET") co_return false;
  path.remove_prefix(kTicketPath.size());
  const std::size_t slash = std::min(path.find('/'), path.size());
  const auto upstream =
      std::ranges::find(upstreams_, path.substr(0, slash),
                        [](const auto& each) -> std::string_view { return each->config().name; });
  if (upstream == upstreams_.end() || (*upstream)->deferral() == nullptr) co_return false;
  const auto ticket = (*upstream)->deferral()->find(path.substr(std::min(slash + 1, path.size())));
  (*upstream)->stats().count(Outcome::ticket, {});
  if (!ticket) {
    co_await send_refusal(exchange, {.status = 404,
                                     .reason = "no_ticket",
                                     .message = "there is no such request, or it has been forgotten"});
    co_return true;
  }
  http::ResponseHead head;
  head.headers.add("Content-Type", "application/json");
  head.headers.add("Cache-Control", "no-store");
  (void)co_await exchange.respond(head, to_json(*ticket));
  co_return true;
}

core::task<> Gateway::finish_deferred(core::Context& context) {
  for (const auto& upstream : upstreams_) {
    if (upstream->deferral() != nullptr) upstream->deferral()->close();
  }
  for (const auto& upstream : upstreams_) {
    if (upstream->deferral() != nullptr) (void)co_await upstream->deferral()->ended(context);
  }
}

std::uint64_t Gateway::deferred_left() const {
  std::uint64_t left = 0;
  for (const auto& upstream : upstreams_) {
    if (upstream->deferral() != nullptr) left += upstream->deferral()->stats().left;
  }
  return left;
}

core::task<bool> Gateway::serve_stale(http::Exchange& exchange, Upstream& upstream) {
  if (!upstream.shares()) co_return false;
  const auto key = shared_key(exchange.request(), exchange.body().length() != 0);
  if (!key) co_return false;
  const auto found = upstream.find_stale(*key);
  if (!found || !found->value->whole || !found->value->for_all) co_return false;
  co_return co_await respond_stored(exchange, *found->value, found->age,
                                    resilience::Freshness::stale_on_error);
}

core::task<bool> Gateway::respond_stored(http::Exchange& exchange, const StoredReply& stored, Duration age,
                                         resilience::Freshness freshness) {
  using resilience::Freshness;
  http::ResponseHead head = stored.head;
  if (freshness != Freshness::loaded) {
    head.headers.set("Age", fmt::format("{}", std::chrono::duration_cast<std::chrono::seconds>(age).count()));
  }
  // RFC 9211.
  head.headers.add("Cache-Status", fmt::format("{}; {}", service_,
                                               freshness == Freshness::loaded  ? "fwd=miss"
                                               : freshness == Freshness::fresh ? "hit"
                                                                               : "hit; detail=stale"));
  if (freshness == Freshness::stale_on_error) head.headers.add("Weir-Degraded", "stale");
  const Result<> sent = co_await exchange.respond(head, stored.body);
  co_return sent.has_value();
}

core::task<void> Gateway::refuse(http::Exchange& exchange, const Refused& refused, const Error& error) {
  if (refused.by == Outcome::refused_tenant && error.kind == ErrorKind::invalid) {
    co_await send_refusal(exchange, {.status = 400,
                                     .reason = "tenant_key",
                                     .message = "the tenant's key is longer than a key may be",
                                     .bound = error.where});
    co_return;
  }
  const bool one = refused.by == Outcome::refused_tenant || refused.by == Outcome::refused_caller;
  std::string_view message = "as many requests are inside as the service can carry";
  if (one) message = "this tenant has as many requests inside as it may have";
  if (error.reason == Reason::over_rate) message = "more requests in this time than were agreed on";
  if (refused.by == Outcome::refused_tier) message = "as many requests of this tier are inside as may be";
  if (refused.by == Outcome::refused_memory) message = "the service runs short of memory";
  if (error.reason == Reason::shed)
    message = "more comes than can be served, and what is more important goes first";
  co_await send_refusal(exchange, {.status = one ? 429 : 503,
                                   .reason = weir::to_string(error.reason),
                                   .message = message,
                                   .bound = error.where,
                                   .limit = refused.limit,
                                   .retry_after = std::max(kRetryAfter, error.retry_after),
                                   .threshold = one ? 0 : admission_.all().threshold()});
}

}  // namespace weir::service

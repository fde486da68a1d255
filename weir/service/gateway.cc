#include "weir/service/gateway.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "weir/admission/admission.h"
#include "weir/core/now.h"
#include "weir/service/admission_reply.h"
#include "weir/service/contract.h"
#include "weir/service/deferral.h"
#include "weir/service/grpc.h"
#include "weir/service/header_edits.h"
#include "weir/service/refusal_reply.h"
#include "weir/service/relay.h"
#include "weir/service/tunnel.h"

namespace weir::service {
namespace {

Outcome outcome_of(const Error& error) {
  if (error.where == kUnfitPart) return Outcome::part_unfit;
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
    if (error.system_code == EADDRNOTAVAIL) return Outcome::refused_ports;
    return error.reason == Reason::throttled ? Outcome::refused_throttle : Outcome::refused_upstream;
  }
  switch (error.reason) {
    case Reason::refused: return Outcome::upstream_refused;
    case Reason::reset: return Outcome::upstream_reset;
    case Reason::closed: return Outcome::upstream_closed;
    case Reason::timed_out:  // the connection's handshake; or there is no way at all
      return error.system_code == ENETUNREACH || error.system_code == EHOSTUNREACH
                 ? Outcome::upstream_unreachable
                 : Outcome::upstream_timeout;
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
    case Outcome::part_unfit: reply.message = "a part that the reply needs is not to be had"; break;
    case Outcome::refused_breaker:
      reply.status = 503;
      reply.reason = "breaker_open";
      reply.message = "the upstream fails and is not asked for now";
      reply.retry_after = kRetryAfterMin;
      break;
    case Outcome::refused_throttle:
      reply.status = 503;
      reply.reason = "throttled";
      reply.message = "the upstream refuses such requests and is not asked for now";
      reply.retry_after = kRetryAfterMin;
      break;
    case Outcome::refused_ports:
      reply.status = 503;
      reply.reason = "no_port";
      reply.message = "no local port is left for a connection to the upstream";
      reply.retry_after = kRetryAfterMin;
      break;
    case Outcome::refused_upstream:
      reply.status = 503;
      reply.message = "no connection to the upstream is free";
      reply.retry_after = kRetryAfterMin;
      break;
    default: reply.message = "the upstream cannot be reached"; break;
  }
  return reply;
}

// What the limiter is to make of it.
admission::Outcome verdict_of(const Forwarded& forwarded) {
  if (forwarded) {
    // How long a WebSocket was open says nothing of the upstream.
    const bool says_nothing = *forwarded == Outcome::client_gone || *forwarded == Outcome::upgraded;
    return says_nothing ? admission::Outcome::abandoned : admission::Outcome::completed;
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

core::task<void> Gateway::handle(http::Exchange& exchange) {
  const TimePoint start = core::now();
  exchange.set_id(trust_.id(exchange.request().headers, exchange.peer()));
  std::shared_ptr<const GatewayTable> table = table_.get();
  const bool of_ticket = path_of(exchange.request().target).starts_with(kTicketPath);
  if (of_ticket && co_await answer_ticket(exchange, *table)) {
    log(exchange, {}, Outcome::ticket, core::now() - start, Duration(-1));
    co_return;
  }
  const GatewayTable::Route* const route = table->find(exchange.request());
  if (route == nullptr) {
    unrouted_.count(Outcome::no_route, {});
    co_await send_refusal(exchange,
                          {.status = 404, .reason = "no_route", .message = "no route matches this request"});
    log(exchange, {}, Outcome::no_route, core::now() - start, Duration(-1));
    co_return;
  }
  const net::SocketAddress client = trust_.client(exchange.request().headers, exchange.peer());
  Upstream& upstream = table->choose(*route, exchange.request(), client, rng_);
  ClientBody body(exchange.body());
  std::optional<core::Permit> held;
  const Serving serving{exchange, start, std::move(table), *route, upstream, upstream.targets().current(),
                        body,     held};
  Refused refused;
  // Who sends slowly takes nobody's place meanwhile.
  Outcome outcome = Outcome::request_body_failed;  // the server answers
  if (body.gathered() || co_await body.gather(exchange.context())) {
    outcome = co_await serve(serving, refused);
  } else if (!body.failed()) {
    outcome = Outcome::client_gone;
  }
  const Duration took = core::now() - start;
  upstream.stats().count(outcome, took);
  log(exchange, upstream.config().name, outcome, took, refused.upstream_took);
}

// What could not be served is answered when nothing is held any more.
core::task<Outcome> Gateway::serve(const Serving& serving, Refused& refused) {
  http::Exchange& exchange = serving.exchange;
  const Forwarded forwarded = co_await admit_and_forward(serving, refused);
  if (forwarded) co_return *forwarded;
  if (exchange.context().cancelled()) co_return Outcome::client_gone;
  if (refused.by == Outcome::refused_tenant || refused.by == Outcome::refused_caller) {
    co_await refuse(exchange, refused, forwarded.error());
    co_return refused.by;
  }
  if (const auto degraded = co_await degrade(serving, refused)) co_return *degraded;
  if (refused.at_bound) {
    co_await refuse(exchange, refused, forwarded.error());
    co_return refused.by;
  }
  const Upstream& asked = refused.asked != nullptr ? *refused.asked : serving.upstream;
  RefusalReply reply = failure_reply(refused.by, asked.config().name);
  if (reply.retry_after > Duration::zero()) {
    reply.retry_after = std::max(reply.retry_after, forwarded.error().retry_after);
  }
  co_await send_refusal(exchange, reply);
  co_return refused.by;
}

// The permits live as long as this frame: until the reply is with the kernel, or
// until it is clear that there is none.
core::task<Forwarded> Gateway::admit_and_forward(const Serving& serving, Refused& refused) {
  Result<admission::Admitted> admitted =
      co_await admission_.ask(serving.exchange.context(), serving.exchange.request());
  if (!admitted) {
    const GatewayAdmission::Refuser refuser = admission_.refuser(admitted.error());
    refused.by = outcome_of(refuser);
    refused.at_bound = true;
    refused.limit = admission_.limit_of(refuser);
    co_return std::unexpected(admitted.error());
  }
  const Upstream::Asker asker{.level = admitted->level(), .flow = admitted->flow()};
  const Forwarded forwarded = co_await forward(serving, asker, refused);
  admitted->complete(verdict_of(forwarded));
  if (!forwarded) {
    Upstream& asked = refused.asked != nullptr ? *refused.asked : serving.upstream;
    refused.by = outcome_of(forwarded.error());
    refused.at_bound = forwarded.error().where == asked.inflight().name();
    refused.limit = asked.inflight().limit();
    if (const Composition* of = serving.route.composition.get();
        of != nullptr && forwarded.error().where == of->bound().name()) {
      refused = {.by = Outcome::refused_compose, .at_bound = true, .limit = of->bound().limit()};
    }
    if (websockets_ && forwarded.error().where == websockets_->name()) {
      refused = {.by = Outcome::refused_websockets, .at_bound = true, .limit = websockets_->limit()};
    }
  }
  co_return forwarded;
}

void Gateway::write_request(const Serving& serving, http::RequestHead& out) const {
  const http::Exchange& exchange = serving.exchange;
  const http::RequestHead& request = exchange.request();
  forwarding_.request(request,
                      {.peer = exchange.peer(),
                       .trusted = trust_.trusts(exchange.peer()),
                       .tls = exchange.facts().tls,
                       .id = exchange.id()},
                      out);
  edit_request(*serving.route.config, out);
  const ContractConfig& contract = serving.targets->contract;
  if (!contract.tenant.empty()) tell(contract.tenant, admission_.tenant_of(request), out);
  if (!contract.priority.empty()) tell(contract.priority, admission_.importance_word(request), out);
}

// Of what the upstream is sent: routes may change it.
std::optional<std::string> Gateway::key_of(const Serving& serving, const http::RequestHead& request) {
  auto key = shared_key(request, serving.exchange.body().length() != 0);
  if (key && !serving.route.config->request.empty()) key->append("\n").append(serving.route.config->text());
  return key;
}

core::task<Forwarded> Gateway::forward(const Serving& serving, Upstream::Asker asker, Refused& refused) {
  // The caller's own patience, where it tells it, and the upstream learns what is left of it.
  const auto patience = grpc_timeout(serving.exchange.request().headers);
  const Duration told = std::min(patience.value_or(Duration::max()),
                                 time_left(serving.targets->contract, serving.exchange.request()));
  const auto& composed = serving.route.config->compose;
  const Duration time = composed ? composed->timeout : serving.upstream.timeout();
  const TimePoint now = core::now();
  // Told when it came: what it has waited here since is off it.
  const TimePoint until = std::min(saturating_add(now, time), saturating_add(serving.began, told));
  core::Context context(serving.exchange.context(), until);
  if (composed) co_return co_await compose(serving, context, asker, refused);
  Shadow* const shadow = serving.route.shadow.get();
  const bool copied = shadow != nullptr && shadow->wants(rng_);
  if (copied) serving.body.keep(shadow->body_bytes());
  http::RequestHead request;
  write_request(serving, request);
  if (patience)
    request.headers.set("grpc-timeout", grpc_timeout_text(std::max(until - now, Duration::zero())));
  Result<core::Permit> websocket = take_websocket(serving, request);
  if (!websocket) co_return std::unexpected(websocket.error());
  Forwarded forwarded = Outcome::no_route;
  if (serving.upstream.shares() && !*websocket) {
    if (auto key = key_of(serving, request))
      forwarded = co_await forward_shared(serving, {context, asker, std::move(*key)}, request);
  }
  if (forwarded && *forwarded == Outcome::no_route) {
    hold_to_defer(serving);
    const TimePoint sent = core::now();
    Result<Upstream::Reply> reply =
        co_await serving.upstream.send(context, request, serving.body, serving.targets, asker);
    if (reply) refused.upstream_took = core::now() - sent;
    if (reply && !copied) {
      serving.body.forget();
      serving.held.reset();
    }
    const bool opened = reply && *websocket && reply->response.stream() != nullptr;
    if (opened) co_return co_await tunnel(serving, *reply, std::move(*websocket));
    forwarded = co_await hand_on(serving, context, reply);
  }
  if (copied && !*websocket) copy_to_shadow(serving, std::move(request));
  co_return forwarded;
}

core::task<Forwarded> Gateway::hand_on(const Serving& serving, core::Context& context,
                                       Result<Upstream::Reply>& reply) {
  ClientBody& body = serving.body;
  if (!reply) {
    // Without a reply of ours the server answers with the status of its refusal.
    if (body.failed()) co_return Outcome::request_body_failed;
    co_return std::unexpected(reply.error());
  }
  http::ResponseHead head;
  forwarding_.response(reply->response.head(), head);
  head.headers.set(http::kRequestIdField, serving.exchange.id());
  admission_.tell_rates(serving.exchange.request(), head.headers);
  apply_edits(serving.route.config->reply, head.headers);
  const Forwarded relayed = co_await relay({serving.exchange, context, body}, head, reply->response);
  if (!relayed && body.failed()) co_return Outcome::request_body_failed;
  if (relayed && *relayed == Outcome::upstream_broke_off) serving.upstream.broke_off(*reply);
  co_return relayed;
}

// no_route: what came is of no use to this request, which has to go itself.
core::task<Forwarded> Gateway::forward_shared(const Serving& serving, Sharer sharer,
                                              const http::RequestHead& request) {
  const std::uint64_t id = requests_.fetch_add(1, std::memory_order_relaxed) + 1;
  const Result<Upstream::Found> found =
      co_await serving.upstream.find(sharer.context, std::move(sharer.key), request, id, sharer.asker);
  if (!found) co_return std::unexpected(found.error());
  const StoredReply& stored = *found->value;
  if (!stored.whole || (!stored.for_all && stored.loader != id)) co_return Outcome::no_route;
  const bool loaded = found->freshness == resilience::Freshness::loaded;
  const bool sent = co_await respond_stored(serving, stored, found->age, found->freshness);
  if (!sent) co_return Outcome::client_gone;
  if (loaded) co_return stored.loader == id ? Outcome::forwarded : Outcome::joined;
  co_return found->freshness == resilience::Freshness::fresh ? Outcome::cached : Outcome::stale;
}

core::task<bool> Gateway::serve_stale(const Serving& serving) {
  if (!serving.upstream.shares()) co_return false;
  http::RequestHead request;
  write_request(serving, request);
  const auto key = key_of(serving, request);
  if (!key) co_return false;
  const auto found = serving.upstream.find_stale(*key);
  if (!found || !found->value->whole || !found->value->for_all) co_return false;
  co_return co_await respond_stored(serving, *found->value, found->age,
                                    resilience::Freshness::stale_on_error);
}

core::task<bool> Gateway::respond_stored(const Serving& serving, const StoredReply& stored, Duration age,
                                         resilience::Freshness freshness) {
  using resilience::Freshness;
  http::ResponseHead head = stored.head;
  if (freshness != Freshness::loaded) {
    head.headers.set("Age", fmt::format("{}", std::chrono::duration_cast<std::chrono::seconds>(age).count()));
  }
  head.headers.set(http::kRequestIdField, serving.exchange.id());
  // RFC 9211.
  head.headers.add("Cache-Status", fmt::format("{}; {}", service_,
                                               freshness == Freshness::loaded  ? "fwd=miss"
                                               : freshness == Freshness::fresh ? "hit"
                                                                               : "hit; detail=stale"));
  if (freshness == Freshness::stale_on_error) head.headers.add("Weir-Degraded", "stale");
  admission_.tell_rates(serving.exchange.request(), head.headers);
  apply_edits(serving.route.config->reply, head.headers);
  const Result<> sent = co_await serving.exchange.respond(head, stored.body);
  co_return sent.has_value();
}

// The gateway is busy where it is near its limit: copies take nobody's place.
void Gateway::copy_to_shadow(const Serving& serving, http::RequestHead request) {
  Shadow& shadow = *serving.route.shadow;
  const std::string* body = serving.body.kept();
  if (body == nullptr || body->size() > shadow.body_bytes()) return shadow.count(Shadow::Fate::body);
  const bounds::Bound& all = admission_.all().bound();
  const bool busy =
      scope_ == nullptr || admission_.all().threshold() > 0 || all.in_use() * 5 > all.limit() * 4;
  std::optional<core::Permit> permit = shadow.begin(busy, core::now());
  if (!permit) return;
  scope_->spawn(std::move(*permit), run_copy(serving.table, serving.route, std::move(request), *body));
}

core::task<> Gateway::run_copy(std::shared_ptr<const GatewayTable> table, const GatewayTable::Route& route,
                               http::RequestHead request, std::string body) {
  Upstream& upstream = *route.shadow_to;
  Shadow& shadow = *route.shadow;
  core::Context context(scope_->context(), saturating_add(core::now(), upstream.timeout()));
  request.headers.set("Weir-Shadow", "1");
  TextBody text(body);
  ClientBody sent(text);
  // As unimportant as can be: what is told to be shed there is a copy first.
  Result<Upstream::Reply> reply =
      co_await upstream.send(context, request, sent, upstream.targets().current(), {});
  bool whole = reply.has_value();
  while (whole) {
    const auto piece = co_await reply->response.body().next(context);
    whole = piece.has_value();
    if (!whole || piece->empty()) break;
  }
  shadow.count(whole && reply->response.head().status < 500 ? Shadow::Fate::good : Shadow::Fate::bad);
}

// As the decision's own refusals are told; the bounds behind it have limits of theirs.
core::task<void> Gateway::refuse(http::Exchange& exchange, const Refused& refused, const Error& error) {
  RefusalReply reply = admission_refusal(admission_, error);
  reply.limit = reply.status == 400 ? 0 : refused.limit;
  admission_.tell_rates(exchange.request(), reply.also);
  if (refused.by == Outcome::refused_websockets) reply.message = "as many WebSockets are open as may be";
  co_await send_refusal(exchange, reply);
}

}  // namespace weir::service

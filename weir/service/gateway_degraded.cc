// What the gateway answers where no good reply is to be had, and the requests that it
// has promised.
#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "weir/service/deferral.h"
#include "weir/service/gateway.h"
#include "weir/service/refusal_reply.h"

namespace weir::service {

// What is there, else a promise, else the reply that is declared.
core::task<std::optional<Outcome>> Gateway::degrade(const Serving& serving, const Refused& refused) {
  // What is kept and promised is of one upstream's replies.
  const bool whole = serving.route.composition == nullptr;
  if (whole && co_await serve_stale(serving)) co_return Outcome::stale;
  if (Deferral* deferral = serving.upstream.deferral(); whole && deferral != nullptr) {
    if (const auto deferred = co_await defer(serving, *deferral)) co_return deferred;
  }
  const auto fallback = (refused.asked != nullptr ? *refused.asked : serving.upstream).fallback();
  if (fallback == nullptr) co_return std::nullopt;
  http::ResponseHead head;
  head.status = fallback->status;
  head.headers.add("Content-Type", fallback->content_type);
  head.headers.add("Weir-Degraded", "fallback");
  head.headers.set(http::kRequestIdField, serving.exchange.id());
  const Result<> sent = co_await serving.exchange.respond(head, fallback->body);
  co_return sent ? Outcome::fallback : Outcome::client_gone;
}

// The first piece of a body is read before a connection is made, and a broken one takes
// more with it: what may have to be deferred is kept until there is a reply.
void Gateway::hold_to_defer(const Serving& serving) {
  Deferral* const deferral = serving.upstream.deferral();
  if (deferral == nullptr || serving.body.length() == 0) return;
  if (!deferral->takes(serving.exchange.request(), serving.body)) return;
  serving.held = deferral->room_for(serving.body);
  if (serving.held) serving.body.keep(deferral->body_bytes());
}

core::task<std::optional<Outcome>> Gateway::defer(const Serving& serving, Deferral& deferral) {
  http::Exchange& exchange = serving.exchange;
  if (!deferral.takes(exchange.request(), serving.body)) co_return std::nullopt;
  // Of one that was refused before it was sent nothing is held yet.
  if (!serving.held) serving.held = deferral.room_for(serving.body);
  std::optional<std::string> begun = serving.held ? serving.body.take_back() : std::nullopt;
  if (!begun) co_return std::nullopt;
  http::RequestHead request;
  write_request(serving, request);
  const std::optional<std::string> ticket =
      co_await deferral.take(exchange.context(), request, serving.body, std::move(*begun));
  if (!ticket) co_return std::nullopt;
  http::ResponseHead head;
  head.status = 202;
  head.headers.add("Location", fmt::format("{}{}/{}", kTicketPath, deferral.upstream(), *ticket));
  head.headers.add("Content-Type", "application/json");
  head.headers.add("Retry-After", "1");
  head.headers.add("Weir-Degraded", "deferred");
  head.headers.set(http::kRequestIdField, exchange.id());
  const Result<> sent = co_await exchange.respond(head, to_json(Deferral::Ticket{}));
  co_return sent ? Outcome::deferred : Outcome::client_gone;
}

// False: the request is none for what became of another.
core::task<bool> Gateway::answer_ticket(http::Exchange& exchange, const GatewayTable& table) {
  std::string_view path = path_of(exchange.request().target);
  if (!path.starts_with(kTicketPath) || exchange.request().method != "GET") co_return false;
  path.remove_prefix(kTicketPath.size());
  const std::size_t slash = std::min(path.find('/'), path.size());
  const std::shared_ptr<Upstream> upstream = table.upstream(path.substr(0, slash));
  if (upstream == nullptr || upstream->deferral() == nullptr) co_return false;
  const auto ticket = upstream->deferral()->find(path.substr(std::min(slash + 1, path.size())));
  upstream->stats().count(Outcome::ticket, {});
  if (!ticket) {
    co_await send_refusal(exchange, {.status = 404,
                                     .reason = "no_ticket",
                                     .message = "there is no such request, or it has been forgotten"});
    co_return true;
  }
  http::ResponseHead head;
  head.headers.add("Content-Type", "application/json");
  head.headers.add("Cache-Control", "no-store");
  head.headers.set(http::kRequestIdField, exchange.id());
  (void)co_await exchange.respond(head, to_json(*ticket));
  co_return true;
}

// Of upstreams that are gone as well, which still send what they had promised.
core::task<> Gateway::finish_deferred(core::Context& context) {
  {
    const std::lock_guard guard(kept_mutex_);
    for (const auto& kept : kept_) {
      std::shared_ptr<Upstream> upstream = kept.lock();
      if (upstream && upstream->deferral() != nullptr) draining_.push_back(std::move(upstream));
    }
  }
  for (const auto& upstream : draining_) upstream->deferral()->close();
  for (const auto& upstream : draining_) (void)co_await upstream->deferral()->ended(context);
}

std::uint64_t Gateway::deferred_left() const {
  std::uint64_t left = 0;
  for (const auto& upstream : draining_) left += upstream->deferral()->stats().left;
  return left;
}

}  // namespace weir::service

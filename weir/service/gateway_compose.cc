// Replies that are composed of parts: each asked of its upstream through all that stands
// before that, all at the same time, and put together as one JSON object.
#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/json_writer.h"
#include "weir/bounds/fan_out.h"
#include "weir/core/now.h"
#include "weir/http/json.h"
#include "weir/service/composition.h"
#include "weir/service/gateway.h"
#include "weir/service/header_edits.h"
#include "weir/service/refusal_reply.h"

namespace weir::service {

struct Gateway::PartReply {
  int status = 0;  // 0: the part is missing
  std::string content_type = {};
  std::string body = {};
};

// What the parts of one reply share. Constant but for what says how it is guarded.
struct Gateway::Composing {
  const Serving& serving;
  const Upstream::Asker asker;
  const std::vector<std::string> targets;  // as the parts
  std::atomic<std::int64_t> bytes_left;    // of all bodies, below 0 for a moment; relaxed: it orders nothing
  // The first part that is required and failed takes `failing`, and writes what follows;
  // read when all have ended.
  std::atomic<bool> failing{false};
  Upstream* failed = nullptr;
  Error error = {};
  PartReply answer = {};  // which is for the client; status 0: there is none

  const std::vector<PartConfig>& parts() const { return serving.route.config->compose->parts; }
  std::size_t index_of(const PartConfig& part) const {
    return static_cast<std::size_t>(&part - parts().data());
  }
  bool take_bytes(std::size_t bytes) {
    const auto wanted = static_cast<std::int64_t>(bytes);
    if (bytes_left.fetch_sub(wanted, std::memory_order_relaxed) >= wanted) return true;
    bytes_left.fetch_add(wanted, std::memory_order_relaxed);
    return false;
  }
};

namespace {

using Fate = Composition::Fate;

// Fields of the client's request that are about one reply as a whole, or about a body.
constexpr std::array<std::string_view, 12> kNotForParts{"Content-Length",
                                                        "Content-Type",
                                                        "Content-Encoding",
                                                        "Expect",
                                                        "Range",
                                                        "If-Range",
                                                        "If-Match",
                                                        "If-None-Match",
                                                        "If-Modified-Since",
                                                        "If-Unmodified-Since",
                                                        "Accept-Encoding",
                                                        "Accept"};

Fate fate_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::overloaded: return Fate::refused;
    case ErrorKind::deadline: return Fate::late;
    default: return error.reason == Reason::too_large ? Fate::unfit : Fate::failed;
  }
}

// A reply's body goes into the whole as it is: so it has to be JSON, and nothing else.
bool make_json(std::string& body) {
  static constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (body.starts_with(kByteOrderMark)) body.erase(0, kByteOrderMark.size());
  return http::JsonDocument::parse(body, {.bytes = Bytes{body.size()}}).has_value();
}

// What the client asked for is not there, or not for it: that is the answer.
bool is_for_the_client(int status) { return status >= 400 && status < 500 && status != 429; }

}  // namespace

// One that lives on takes over what is declared now.
std::shared_ptr<Composition> Gateway::composition_for(const RouteConfig& route, const ServerConfig& server) {
  std::erase_if(compositions_, [](const auto& one) { return one.use_count() == 1 && one->idle(); });
  const std::string name = route.text();
  for (const auto& composition : compositions_) {
    if (composition->name() != name) continue;
    composition->apply(*route.compose);
    return composition;
  }
  return compositions_.emplace_back(std::make_shared<Composition>(ledger_, route, server));
}

core::task<Forwarded> Gateway::compose(const Serving& serving, core::Context& context, Upstream::Asker asker,
                                       Refused& refused) {
  Composition& composition = *serving.route.composition;
  const Result<core::Permit> permit = composition.begin();
  if (!permit) co_return std::unexpected(permit.error());
  auto targets = part_targets(*serving.route.config, serving.exchange.request().target);
  if (!targets) {
    co_await send_refusal(serving.exchange,
                          {.status = 404, .reason = "no_route", .message = "no route matches this request"});
    co_return Outcome::no_route;
  }
  Composing composing{
      .serving = serving,
      .asker = asker,
      .targets = std::move(*targets),
      .bytes_left = static_cast<std::int64_t>(serving.route.config->compose->body_bytes.count)};
  const TimePoint began = core::now();
  const bounds::FanOut<PartReply> all =
      co_await bounds::fan_out(context, composing.parts(), composition.tasks(),
                               [this, &composing](core::Context& own, const PartConfig& part) {
                                 return fetch_part(own, composing, part);
                               },
                               {.limit = kPartsMax, .on_error = core::OnError::cancel_rest});
  refused.upstream_took = core::now() - began;
  if (serving.exchange.context().cancelled()) co_return fail(ErrorKind::cancelled);
  if (composing.answer.status != 0) {
    http::ResponseHead head;
    head.status = composing.answer.status;
    if (!composing.answer.content_type.empty())
      head.headers.add("Content-Type", composing.answer.content_type);
    head.headers.set(http::kRequestIdField, serving.exchange.id());
    apply_edits(serving.route.config->reply, head.headers);
    const Result<> sent = co_await serving.exchange.respond(head, composing.answer.body);
    co_return sent ? Outcome::forwarded : Outcome::client_gone;
  }
  if (composing.failed != nullptr) {
    refused.asked = composing.failed;
    co_return std::unexpected(composing.error);
  }
  co_return co_await respond_composed(composing, all.results);
}

core::task<Forwarded> Gateway::respond_composed(const Composing& composing,
                                                const std::vector<Result<PartReply>>& parts) {
  const Serving& serving = composing.serving;
  std::string body;
  std::uint64_t bytes = 0;
  for (const Result<PartReply>& part : parts) bytes += part ? part->body.size() : 0;
  // Names are no longer than 63 bytes, with quotes and commas, here or among the missing.
  body.reserve(bytes + (parts.size() * 80) + 32);
  body += "{";
  std::string missing;
  JsonWriter names(missing);
  names.begin_array();
  bool whole = true;
  for (const PartConfig& part : composing.parts()) {
    const Result<PartReply>& reply = parts.at(composing.index_of(part));
    if (reply && reply->status != 0) {
      append_json_string(part.name, body);
      body.append(":").append(reply->body).append(",");
      continue;
    }
    // One that had not ended when the time was over.
    if (part.required) co_return fail(ErrorKind::deadline);
    names.value(part.name);
    whole = false;
  }
  names.end_array();
  body.append("\"missing\":").append(missing).append("}\n");
  http::ResponseHead head;
  head.headers.add("Content-Type", "application/json");
  // Its parts are as fresh as each of them is.
  head.headers.add("Cache-Control", "no-store");
  if (!whole) head.headers.add("Weir-Degraded", "partial");
  head.headers.set(http::kRequestIdField, serving.exchange.id());
  apply_edits(serving.route.config->reply, head.headers);
  const Result<> sent = co_await serving.exchange.respond(head, body);
  if (!sent) co_return Outcome::client_gone;
  co_return whole ? Outcome::forwarded : Outcome::partial;
}

// An error ends all the others: so one of a part that may be missing is none.
core::task<Result<Gateway::PartReply>> Gateway::fetch_part(core::Context& context, Composing& composing,
                                                           const PartConfig& part) {
  Upstream& upstream = *composing.serving.route.part_upstreams[composing.index_of(part)];
  Result<PartReply> reply = co_await ask_for_part(context, composing, part);
  Fate fate = Fate::given;
  Error error{.kind = ErrorKind::invalid, .where = kUnfitPart};
  if (!reply) {
    fate = fate_of(reply.error());
    if (fate != Fate::unfit) error = reply.error();
  } else if (reply->status != 200) {
    fate = Fate::failed;
  } else if (!make_json(reply->body)) {
    fate = Fate::unfit;
  }
  // Of what was given up for another's sake nothing is to be learned.
  const bool given_up = !reply && reply.error().kind == ErrorKind::cancelled;
  if (!given_up) composing.serving.route.composition->count(part.name, fate);
  if (fate == Fate::given) co_return reply;
  if (!part.required) co_return PartReply{};
  if (!given_up && !composing.failing.exchange(true, std::memory_order_acq_rel)) {
    composing.failed = &upstream;
    composing.error = error;
    if (reply && is_for_the_client(reply->status)) composing.answer = std::move(*reply);
  }
  co_return std::unexpected(error);
}

core::task<Result<Gateway::PartReply>> Gateway::ask_for_part(core::Context& context, Composing& composing,
                                                             const PartConfig& part) {
  const Serving& whole = composing.serving;
  Upstream& upstream = *whole.route.part_upstreams[composing.index_of(part)];
  const Duration time =
      part.timeout > Duration::zero() ? std::min(part.timeout, upstream.timeout()) : upstream.timeout();
  core::Context own(context, saturating_add(core::now(), time));
  TextBody nothing("");
  ClientBody none(nothing);
  std::optional<core::Permit> held;
  const Serving serving{whole.exchange, whole.began, whole.table,
                        whole.route,    upstream,    upstream.targets().current(),
                        none,           held};
  http::RequestHead head;
  write_request(serving, head);
  for (const std::string_view name : kNotForParts) head.headers.remove(name);
  head.headers.set("Accept", "application/json");
  head.method = "GET";
  head.target = composing.targets[composing.index_of(part)];
  if (auto key = upstream.shares() ? shared_key(head, false) : std::nullopt) {
    const std::uint64_t id = requests_.fetch_add(1, std::memory_order_relaxed) + 1;
    Result<Upstream::Found> found = co_await upstream.find(own, *key, head, id, composing.asker);
    if (!found) {
      const auto stale = upstream.find_stale(*key);
      if (!stale) co_return std::unexpected(found.error());
      found = *stale;
    }
    const StoredReply& stored = *found->value;
    if (stored.whole && (stored.for_all || stored.loader == id)) {
      const bool fits =
          stored.body.size() <= part.body_bytes.count && composing.take_bytes(stored.body.size());
      if (!fits) co_return fail(ErrorKind::invalid, Reason::too_large, kUnfitPart);
      co_return PartReply{.status = stored.head.status,
                          .content_type = std::string(stored.head.headers.get("Content-Type").value_or("")),
                          .body = stored.body};
    }
  }
  Result<Upstream::Reply> reply = co_await upstream.send(own, head, none, serving.targets, composing.asker);
  if (!reply) co_return std::unexpected(reply.error());
  const http::ResponseHead& got = reply->response.head();
  PartReply out{.status = got.status,
                .content_type = std::string(got.headers.get("Content-Type").value_or(""))};
  out.body.reserve(std::min(reply->response.body().length().value_or(0), part.body_bytes.count));
  for (;;) {
    const auto piece = co_await reply->response.body().next(own);
    if (!piece) {
      if (piece.error().kind == ErrorKind::disconnected) upstream.broke_off(*reply);
      co_return std::unexpected(piece.error());
    }
    if (piece->empty()) co_return out;
    const bool fits =
        out.body.size() + piece->size() <= part.body_bytes.count && composing.take_bytes(piece->size());
    if (!fits) co_return fail(ErrorKind::invalid, Reason::too_large, kUnfitPart);
    out.body.append(reinterpret_cast<const char*>(piece->data()), piece->size());
  }
}

}  // namespace weir::service

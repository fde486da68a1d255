#include "weir/service/deferral.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/service/forwarding.h"

namespace weir::service {
namespace {

using resilience::DeferredJob;
using resilience::DeferredQueue;

// Bodies of the largest kind that may be held at once, and of smaller ones more; who
// comes while there are as many is sent without being held, or refused.
constexpr std::uint64_t kHeldMax = 64;
// What is remembered of one that has ended takes about so much.
constexpr std::uint64_t kTicketBytes = 256;

std::string_view word_of(DeferredQueue::Lost why) {
  switch (why) {
    case DeferredQueue::Lost::too_old: return "too_old";
    case DeferredQueue::Lost::tried_too_often: return "tried_too_often";
    case DeferredQueue::Lost::not_retryable: return "not_retryable";
    case DeferredQueue::Lost::left: return "draining";
  }
  return "unknown";
}

std::unique_ptr<resilience::DeferredStore> in_memory(const DeferConfig& config) {
  return std::make_unique<resilience::MemoryStore>(
      resilience::MemoryStore::Options{.entries_max = config.entries, .bytes_max = config.bytes});
}

bounds::Row held_row(const std::string& upstream, const DeferConfig& config) {
  return {.name = "deferring:" + upstream,
          .unit = bounds::Unit::bytes,
          .limit = kHeldMax * std::max<std::uint64_t>(1, config.body_bytes.count)};
}

DeferredQueue::Options queue_options(const std::string& name, const DeferConfig& config) {
  return {.name = name,
          .workers = config.workers,
          .tries_max = config.tries,
          .keep_for = config.keep_for,
          .try_timeout = config.try_timeout};
}

}  // namespace

Deferral::Deferral(const std::string& upstream, const DeferConfig& config, bounds::Ledger& ledger, Send send,
                   std::unique_ptr<resilience::DeferredStore> store)
    : upstream_(upstream),
      name_("deferred:" + upstream),
      config_(config),
      ledger_(ledger),
      send_(std::move(send)),
      store_(store ? std::move(store) : in_memory(config)),
      rng_(std::random_device{}()),
      pace_({.share = 0, .per_second = config.per_second, .window = 1s}),
      held_(ledger, {.name = held_row(upstream, config).name,
                     .unit = bounds::Unit::bytes,
                     .limit = held_row(upstream, config).limit,
                     .because = "bodies on their way that may have to be kept"}),
      queue_(
          queue_options(name_, config), *store_, pace_, rng_,
          [this](core::Context& context, const DeferredJob& job) { return this->send(context, job); },
          [this](const DeferredJob& job, DeferredQueue::Lost why) {
            end(job.key, {.state = Ticket::State::given_up, .reason = word_of(why)});
          }) {
  const auto entered = ledger.enter(name_, *this);
  WEIR_CHECK(entered, entered.error().c_str());
}

Deferral::~Deferral() { ledger_.leave(*this); }

bool Deferral::takes(const http::RequestHead& request, const http::BodySource& body) const {
  if (std::ranges::find(config_.methods, request.method) == config_.methods.end()) return false;
  const std::string_view path = path_of(request.target);
  const auto fits = [path](const std::string& prefix) { return path.starts_with(prefix); };
  if (!config_.paths.empty() && std::ranges::none_of(config_.paths, fits)) return false;
  return body.length().value_or(0) <= config_.body_bytes.count;
}

std::optional<core::Permit> Deferral::room_for(const http::BodySource& body) {
  const std::uint64_t bytes = std::max<std::uint64_t>(1, body.length().value_or(config_.body_bytes.count));
  if (bytes > held_.limit()) return std::nullopt;
  Result<core::Permit> permit = held_.try_acquire(static_cast<std::uint32_t>(bytes));
  if (!permit) return std::nullopt;
  return std::move(*permit);
}

core::task<std::optional<std::string>> Deferral::take(core::Context& context, const http::RequestHead& head,
                                                      http::BodySource& body, std::string begun) {
  std::optional<std::string> whole = co_await read_rest(context, body, std::move(begun));
  if (!whole) co_return std::nullopt;
  std::string ticket = new_ticket();
  if (!remember(ticket)) co_return std::nullopt;
  const Result<std::uint64_t> kept = co_await queue_.put(
      context, {.key = ticket, .payload = to_bytes({.head = head, .body = std::move(*whole)})});
  if (kept) co_return ticket;
  forget(ticket);
  co_return std::nullopt;
}

core::task<std::optional<std::string>> Deferral::read_rest(core::Context& context, http::BodySource& body,
                                                           std::string whole) const {
  for (;;) {
    const auto piece = co_await body.next(context);
    if (!piece || whole.size() + piece->size() > config_.body_bytes.count) co_return std::nullopt;
    if (piece->empty()) co_return whole;
    whole.append(reinterpret_cast<const char*>(piece->data()), piece->size());
  }
}

core::task<Result<>> Deferral::send(core::Context& context, const DeferredJob& job) {
  const std::optional<StoredRequest> request = parse_stored_request(job.payload);
  if (!request) co_return fail(ErrorKind::invalid, Reason::none, name_);
  const Result<int> status = co_await send_(context, *request);
  if (!status) {
    Error error = status.error();
    // Whatever this side refused (its bound, its breaker) is worth another try.
    if (error.kind == ErrorKind::overloaded) error.kind = ErrorKind::disconnected;
    co_return std::unexpected(error);
  }
  end(job.key, {.state = Ticket::State::done, .status = *status});
  co_return Result<>();
}

std::string Deferral::new_ticket() {
  // Two draws: nobody is to guess what another was given.
  return fmt::format("{:016x}{:016x}", std::random_device{}() ^ rng_.next(), rng_.next());
}

bool Deferral::remember(const std::string& ticket) {
  const std::lock_guard guard(mutex_);
  forget_old_locked(core::now());
  if (tickets_.size() >= config_.results) {
    if (over_.empty()) return false;
    tickets_.erase(over_.front());
    over_.pop_front();
  }
  tickets_.emplace(ticket, Remembered{});
  return true;
}

void Deferral::forget(const std::string& ticket) {
  const std::lock_guard guard(mutex_);
  tickets_.erase(ticket);
}

// Of a store that outlives the process some are not known here.
void Deferral::end(const std::string& ticket, const Ticket& how) {
  const TimePoint now = core::now();
  const std::lock_guard guard(mutex_);
  const auto found = tickets_.find(ticket);
  if (found == tickets_.end() || found->second.ticket.state != Ticket::State::pending) return;
  found->second = {.ticket = how, .ended_at = now};
  over_.push_back(ticket);
}

void Deferral::forget_old_locked(TimePoint now) {
  while (!over_.empty()) {
    const auto oldest = tickets_.find(over_.front());
    if (oldest != tickets_.end() && now - oldest->second.ended_at < config_.results_for) return;
    if (oldest != tickets_.end()) tickets_.erase(oldest);
    over_.pop_front();
  }
}

std::optional<Deferral::Ticket> Deferral::find(std::string_view ticket) const {
  const TimePoint now = core::now();
  const std::lock_guard guard(mutex_);
  const auto found = tickets_.find(std::string(ticket));
  if (found == tickets_.end()) return std::nullopt;
  const bool over = found->second.ticket.state != Ticket::State::pending;
  if (over && now - found->second.ended_at >= config_.results_for) return std::nullopt;
  return found->second.ticket;
}

core::task<> Deferral::run(core::Context& context) {
  co_await queue_.run(context);
  ended_.set();
}

std::vector<bounds::Row> Deferral::declared_rows(const std::string& upstream, const DeferConfig& config) {
  return {held_row(upstream, config),
          {.name = "deferred:" + upstream,
           .unit = bounds::Unit::bytes,
           .limit = config.bytes.count,
           .queue_limit = config.entries,
           .own = Bytes{std::uint64_t{config.results} * kTicketBytes}}};
}

bounds::Row Deferral::row() const {
  const DeferredQueue::Stats stats = queue_.stats();
  return {.name = name_,
          .unit = bounds::Unit::bytes,
          .limit = config_.bytes.count,
          .in_use = stats.size.bytes,
          .queue_depth = stats.size.entries,
          .queue_limit = config_.entries,
          .admitted = stats.put,
          .refused = {{"full", stats.refused}},
          .because = "requests that are kept to be sent later",
          .own = Bytes{std::uint64_t{config_.results} * kTicketBytes}};
}

std::string to_json(const Deferral::Ticket& ticket) {
  switch (ticket.state) {
    case Deferral::Ticket::State::pending: break;
    case Deferral::Ticket::State::done:
      return fmt::format("{{\"state\":\"done\",\"status\":{}}}\n", ticket.status);
    case Deferral::Ticket::State::given_up:
      return fmt::format("{{\"state\":\"given_up\",\"reason\":\"{}\"}}\n", ticket.reason);
  }
  return "{\"state\":\"pending\"}\n";
}

}  // namespace weir::service

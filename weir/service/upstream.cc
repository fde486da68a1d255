#include "weir/service/upstream.h"

#include <algorithm>
#include <array>
#include <functional>
#include <random>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/resilience/threshold.h"
#include "weir/service/footprint.h"

namespace weir::service {
namespace {

using resilience::Attempt;

// A load belongs to nobody and takes the upstream's time at most: this only has to be
// longer (keys.h).
constexpr Duration kLoadMax = 2h;

http::ClientProtocol protocol_of(UpstreamProtocol protocol) {
  switch (protocol) {
    case UpstreamProtocol::http1: return http::ClientProtocol::http1;
    case UpstreamProtocol::http2: return http::ClientProtocol::http2;
    case UpstreamProtocol::automatic: break;
  }
  return http::ClientProtocol::automatic;
}

http::Client::Options client_options(const UpstreamConfig& config) {
  return {.pool = {.connections_max = config.inflight,
                   .idle_max = config.connections.idle_max,
                   .idle_timeout = config.connections.idle_timeout,
                   .lifetime = config.connections.lifetime},
          .connect_timeout = config.connections.connect_timeout,
          .protocol = protocol_of(config.protocol),
          // Where it allows one stream on each, as many as over HTTP/1.
          .http2 = {.connections_max = config.inflight}};
}

// RFC 9110, section 9.2.2.
bool may_be_repeated(std::string_view method) {
  static constexpr std::array<std::string_view, 6> kMethods{"GET",    "HEAD",    "PUT",
                                                            "DELETE", "OPTIONS", "TRACE"};
  return std::ranges::find(kMethods, method) != kMethods.end();
}

// What a reply's head tells of the upstream.
Attempt attempt_of_head(const http::ResponseHead& head) {
  if (head.status == 503 || head.status == 429) {
    Attempt attempt{.outcome = Attempt::Outcome::overload, .retry_after = retry_after_of(head)};
    if (const auto field = head.headers.get(resilience::kThresholdHeader)) {
      attempt.threshold = resilience::parse_threshold(*field);
    }
    return attempt;
  }
  if (head.status >= 500) return {.outcome = Attempt::Outcome::failure};
  return {};
}

struct JudgeReply {
  const ClientBody* body = nullptr;

  Attempt operator()(const Result<Upstream::Reply>& reply) const {
    if (body != nullptr && body->failed()) return {.outcome = Attempt::Outcome::unknown, .retryable = false};
    return reply ? attempt_of_head(reply->response.head()) : resilience::attempt_of(reply.error());
  }
};

// What is good and not to be kept is as a request that is at fault: the upstream is
// well, and nothing is learned from it.
struct JudgeStored {
  Attempt operator()(const Result<StoredPointer>& reply) const {
    if (!reply) return resilience::attempt_of(reply.error());
    const Attempt attempt = attempt_of_head((*reply)->head);
    if (attempt.good() && (!(*reply)->for_all || !(*reply)->whole)) {
      return {.outcome = Attempt::Outcome::not_retryable, .retryable = false};
    }
    return attempt;
  }
};

resilience::CircuitBreaker::Options breaker_options(const BreakerConfig& config) {
  return {.name = {},
          .consecutive_failures = config.consecutive_failures,
          .failure_ratio = config.failure_ratio,
          .window = config.window,
          .calls_min = config.calls_min,
          .slow_after = config.slow_after,
          .open_for = config.open_for,
          .open_for_max = std::max(config.open_for, config.open_for_max),
          .trials = config.trials};
}

Bytes body_bytes_of(const UpstreamConfig& config) {
  if (config.cache) return config.cache->body_bytes;
  return config.singleflight ? config.singleflight->body_bytes : Bytes{};
}

std::shared_ptr<const StaticConfig> fallback_of(const UpstreamConfig& config) {
  return config.fallback ? std::make_shared<const StaticConfig>(*config.fallback) : nullptr;
}

}  // namespace

Upstream::Upstream(const UpstreamConfig& config, const net::SocketAddress& address, const Parts& parts)
    : config_(config),
      forwarding_(parts.forwarding),
      ledger_(parts.ledger),
      forward_point_(parts.forward_point),
      body_bytes_max_(body_bytes_of(config)),
      timeout_(config.timeout.count()),
      inflight_(parts.ledger, {.name = "upstream:" + config.name,
                               .limit = config.inflight,
                               .queue_depth = config.queue.depth,
                               .queue_wait = config.queue.wait,
                               .because = config.because,
                               .each = upstream_request_bytes(),
                               .each_queued = queued_request_bytes(),
                               .descriptors_each = 1,
                               .ports_each = 1,
                               .ports_to = address.to_string()}),
      client_(address, client_options(config)),
      stats_(config.name, parts.processors),
      policy_(make_policy(config)),
      fallback_(fallback_of(config)),
      applied_(config),
      shared_(make_shared_policy()) {}

Upstream::~Upstream() = default;

std::shared_ptr<Upstream::Policy> Upstream::make_policy(const UpstreamConfig& config) {
  resilience::PolicyOptions options{
      .name = config_.name, .bulkhead = &inflight_, .seed = std::random_device{}()};
  if (config.retry) {
    options.retry = {.attempts_max = config.retry->tries,
                     .attempt_timeout = config.retry->try_timeout,
                     .backoff = {.base = config.retry->backoff, .max = config.retry->backoff_max}};
  }
  if (config.retry || config.hedge) {
    const RetryBudgetConfig budget = config.budget.value_or(RetryBudgetConfig{});
    options.budget = {.share = budget.share, .per_second = budget.per_second, .window = budget.window};
  }
  if (config.breaker) options.breaker = breaker_options(*config.breaker);
  if (config.throttle) {
    options.throttle = {.name = {},
                        .accepted_share = config.throttle->accepted_share,
                        .refused_max = config.throttle->refused_max,
                        .window = config.throttle->window};
  }
  if (config.hedge) {
    if (!hedges_) {
      hedges_ = std::make_unique<bounds::Bound>(
          ledger_, bounds::Bound::Options{.name = "hedges:" + config_.name,
                                          .limit = config.inflight,
                                          .because = "a task for each request that may be sent twice"});
    }
    options.hedge = {.limit = hedges_.get(),
                     .delay = {.quantile = config.hedge->quantile,
                               .min = config.hedge->min,
                               .max = std::max(config.hedge->min, config.hedge->max)},
                     .off_for = config.hedge->off_for};
  }
  return std::make_shared<Policy>(std::move(options));
}

std::unique_ptr<Upstream::Shared> Upstream::make_shared_policy() const {
  resilience::PolicyOptions options{.name = config_.name};
  if (config_.cache) {
    const CacheConfig& cache = *config_.cache;
    options.cache = {.name = "cache:" + config_.name,
                     .entries_max = cache.entries,
                     .bytes_max = cache.bytes,
                     .fresh_for = cache.fresh_for,
                     .stale_while_revalidate = cache.stale_while_revalidate,
                     .stale_if_error = cache.stale_if_error,
                     .loads_max = cache.loads,
                     .load_timeout = kLoadMax};
  } else if (config_.singleflight) {
    options.singleflight = {.name = "singleflight:" + config_.name,
                            .flights_max = config_.singleflight->flights,
                            .callers_max = config_.singleflight->callers,
                            .flight_timeout = kLoadMax};
  } else {
    return nullptr;
  }
  return std::make_unique<Shared>(std::move(options));
}

void Upstream::apply(const UpstreamConfig& to) {
  timeout_.store(to.timeout.count(), std::memory_order_relaxed);
  const auto resized = inflight_.resize(to.inflight);
  WEIR_CHECK(resized, resized.error().c_str());
  if (hedges_) (void)hedges_->resize(to.inflight);
  client_.resize_pool(to.inflight, to.connections.idle_max);
  const bool same = applied_.retry == to.retry && applied_.budget == to.budget &&
                    applied_.breaker == to.breaker && applied_.hedge == to.hedge &&
                    applied_.throttle == to.throttle;
  std::shared_ptr<Policy> old;  // the last of its calls ends it
  std::shared_ptr<Policy> made = same ? nullptr : make_policy(to);
  {
    const std::lock_guard guard(mutex_);
    fallback_ = fallback_of(to);
    if (made) old = std::exchange(policy_, std::move(made));
  }
  applied_ = to;
}

std::shared_ptr<Upstream::Policy> Upstream::policy() const {
  const std::lock_guard guard(mutex_);
  return policy_;
}

std::shared_ptr<const StaticConfig> Upstream::fallback() const {
  const std::lock_guard guard(mutex_);
  return fallback_;
}

resilience::DependencyStats Upstream::policy_stats() const { return policy()->stats(core::now()).dependency; }

std::optional<resilience::PolicyStats> Upstream::shared_stats() const {
  if (!shared_) return std::nullopt;
  return shared_->stats(core::now());
}

core::task<Result<Upstream::Reply>> Upstream::send_once(core::Context& context, core::Permit& permit,
                                                        const http::RequestHead& request, ClientBody* body) {
  if (Result<> fault = co_await testing::fault_point(context, forward_point_); !fault) {
    co_return std::unexpected(fault.error());
  }
  Result<http::ClientResponse> response = co_await client_.send(context, request, body);
  if (!response) co_return std::unexpected(response.error());
  co_return Reply{std::move(*response), std::move(permit)};
}

core::task<Result<Upstream::Reply>> Upstream::send(core::Context& context, const http::RequestHead& request,
                                                   ClientBody& body) {
  ClientBody* const sent = body.length() != 0 ? &body : nullptr;
  const std::shared_ptr<Policy> through = policy();
  co_return co_await through->call(
      context,
      [this, &request, sent](core::Context& own, core::Permit& permit) {
        return send_once(own, permit, request, sent);
      },
      // A handshake opens something, whatever its method.
      {.repeatable = sent == nullptr && may_be_repeated(request.method) && !request.headers.get("upgrade")},
      JudgeReply{&body});
}

core::task<Result<StoredPointer>> Upstream::load(core::Context& context, const http::RequestHead& request,
                                                 std::uint64_t id) {
  core::Context own(context, saturating_add(core::now(), timeout()));
  const std::shared_ptr<Policy> through = policy();
  Result<Reply> reply = co_await through->call(
      own,
      [this, &request](core::Context& each, core::Permit& permit) {
        return send_once(each, permit, request, nullptr);
      },
      {}, JudgeReply{});
  if (!reply) co_return std::unexpected(reply.error());
  auto stored = std::make_shared<StoredReply>();
  stored->loader = id;
  stored->for_all = may_be_shared(reply->response.head());
  forwarding_.response(reply->response.head(), stored->head);
  http::BodySource& body = reply->response.body();
  if (body.length().value_or(0) > body_bytes_max_.count) stored->whole = false;
  while (stored->whole) {
    const auto piece = co_await body.next(own);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    if (stored->body.size() + piece->size() > body_bytes_max_.count) stored->whole = false;
    if (stored->whole) stored->body.append(reinterpret_cast<const char*>(piece->data()), piece->size());
  }
  if (!stored->whole) stored->body = {};
  co_return stored;
}

core::task<Result<Upstream::Found>> Upstream::find(core::Context& context, std::string key,
                                                   http::RequestHead request, std::uint64_t id) {
  // Kept by the load for as long as it flies.
  const auto kept = std::make_shared<const http::RequestHead>(std::move(request));
  co_return co_await shared_->find(
      context, std::move(key), [this, kept, id](core::Context& own) { return load(own, *kept, id); }, {},
      JudgeStored{});
}

std::optional<Upstream::Found> Upstream::find_stale(const std::string& key) const {
  if (!config_.cache) return std::nullopt;
  auto found = shared_->peek(key);
  if (!found || found->age > config_.cache->fresh_for + config_.cache->stale_if_error) return std::nullopt;
  return found;
}

core::task<> Upstream::run_shared(core::Context& context) {
  if (shared_) co_await shared_->run(context);
}

}  // namespace weir::service

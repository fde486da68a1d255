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
#include "weir/service/limiter_setup.h"

namespace weir::service {
namespace {

using resilience::Attempt;

// A load belongs to nobody and takes the upstream's time at most: this only has to be
// longer (keys.h).
constexpr Duration kLoadMax = 2h;

// Of a reply that nobody waits for: what is read of it at most.
constexpr std::size_t kUnwantedMax = 64 << 10;

// A body that is there already.
class TextBody final : public http::BodySource {
 public:
  explicit TextBody(std::string_view text) : text_(text), length_(text.size()) {}

  core::task<Result<std::span<const std::byte>>> next(core::Context&) override {
    co_return std::as_bytes(std::span(std::exchange(text_, {})));
  }
  std::optional<std::uint64_t> length() const override { return length_; }
  const http::Headers* trailers() const override { return nullptr; }

 private:
  std::string_view text_;
  const std::uint64_t length_;
};

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

std::uint64_t body_bytes_of(const UpstreamConfig& config) {
  if (config.cache) return config.cache->body_bytes.count;
  return config.singleflight ? config.singleflight->body_bytes.count : 0;
}

Duration stale_max_of(const UpstreamConfig& config) {
  return config.cache ? config.cache->fresh_for + config.cache->stale_if_error : Duration();
}

resilience::CacheOptions cache_options(const std::string& upstream, const CacheConfig& cache) {
  return {.name = "cache:" + upstream,
          .entries_max = cache.entries,
          .bytes_max = cache.bytes,
          .fresh_for = cache.fresh_for,
          .stale_while_revalidate = cache.stale_while_revalidate,
          .stale_if_error = cache.stale_if_error,
          .loads_max = cache.loads,
          .load_timeout = kLoadMax};
}

// Null: nothing moves it.
std::unique_ptr<admission::Limiter> limiter_of(const UpstreamConfig& config) {
  return config.limiter.moves() ? make_limiter(config.limiter, config.inflight) : nullptr;
}

bounds::Bound::Options bound_options(const UpstreamConfig& config, const net::SocketAddress& address,
                                     const std::optional<PriorityConfig>& priority) {
  core::Limit::Queue queue = make_queue(config.queue, priority);
  return {.name = "upstream:" + config.name,
          .limit = initial_limit(config.limiter, config.inflight),
          .limit_max = config.inflight,
          .queue_depth = queue.depth,
          .queue_wait = queue.wait,
          .order = std::move(queue.order),
          .because = config.because,
          .each = upstream_request_bytes(),
          .each_queued = queued_request_bytes(),
          .descriptors_each = 1,
          .ports_each = 1,
          .ports_to = address.to_string()};
}

// What an upstream's limiter is to make of a try: a reply of any status shows what it
// can do, but for one that says it is too much; no reply in time does, too; any other
// failure says nothing of that.
void tell(admission::DependencyLimiter::Use& use, const Result<http::ClientResponse>& response) {
  using admission::Outcome;
  const TimePoint now = core::now();
  if (response) {
    const int status = response->head().status;
    use.end(status == 503 || status == 429 ? Outcome::dropped : Outcome::completed, now);
  } else if (response.error().kind == ErrorKind::deadline) {
    use.end(Outcome::dropped, now);
  }
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
      stale_max_(stale_max_of(config).count()),
      timeout_(config.timeout.count()),
      inflight_(parts.ledger, bound_options(config, address, parts.priority)),
      limiter_(inflight_, limiter_of(config)),
      client_(address, client_options(config)),
      stats_(config.name, parts.processors),
      policy_(make_policy(config)),
      fallback_(fallback_of(config)),
      applied_(config),
      priority_(parts.priority),
      shared_(make_shared_policy()) {
  if (config.defer) {
    deferral_ = std::make_unique<Deferral>(config.name, *config.defer, ledger_,
                                           [this](core::Context& context, const StoredRequest& request) {
                                             return send_stored(context, request);
                                           });
  }
}

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
    options.cache = cache_options(config_.name, *config_.cache);
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

// A limiter that stays as it was goes on with what it has found out.
void Upstream::apply_bound(const UpstreamConfig& to, const std::optional<PriorityConfig>& priority) {
  if (to.limiter != applied_.limiter || to.inflight != applied_.inflight) {
    limiter_.set_limiter(limiter_of(to));
    if (!to.limiter.moves()) {
      inflight_.declare_max(to.inflight);
      const auto resized = inflight_.resize(to.inflight);
      WEIR_CHECK(resized, resized.error().c_str());
    }
  }
  if (to.queue != applied_.queue || priority != priority_)
    inflight_.set_queue(make_queue(to.queue, priority));
  priority_ = priority;
}

void Upstream::apply(const UpstreamConfig& to, const std::optional<PriorityConfig>& priority) {
  timeout_.store(to.timeout.count(), std::memory_order_relaxed);
  body_bytes_max_.store(body_bytes_of(to), std::memory_order_relaxed);
  stale_max_.store(stale_max_of(to).count(), std::memory_order_relaxed);
  apply_bound(to, priority);
  if (shared_ && to.cache) shared_->adjust_cache(cache_options(to.name, *to.cache));
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
  admission::DependencyLimiter::Use use = limiter_.begin(core::now());
  Result<http::ClientResponse> response = co_await client_.send(context, request, body);
  if (body == nullptr || !body->failed()) tell(use, response);
  if (!response) co_return std::unexpected(response.error());
  co_return Reply{std::move(*response), std::move(permit)};
}

core::task<Result<Upstream::Reply>> Upstream::send(core::Context& context, const http::RequestHead& request,
                                                   ClientBody& body, Asker asker) {
  ClientBody* const sent = body.length() != 0 ? &body : nullptr;
  const std::shared_ptr<Policy> through = policy();
  co_return co_await through->call(
      context,
      [this, &request, sent](core::Context& own, core::Permit& permit) {
        return send_once(own, permit, request, sent);
      },
      {.level = asker.level,
       .flow = asker.flow,
       .repeatable = sent == nullptr && may_be_repeated(request.method)},
      JudgeReply{&body});
}

// The reply is nobody's: it is read so that its connection serves others, as far as
// that is cheaper than a new one.
core::task<Result<int>> Upstream::send_stored(core::Context& context, const StoredRequest& request) {
  core::Context own(context, saturating_add(core::now(), timeout()));
  TextBody text(request.body);
  ClientBody body(text);
  Result<Reply> reply = co_await send(own, request.head, body, {});
  if (!reply) co_return std::unexpected(reply.error());
  const http::ResponseHead& head = reply->response.head();
  const int status = head.status;
  if (status >= 500 || status == 429) {
    co_return std::unexpected(Error{.kind = ErrorKind::disconnected, .retry_after = retry_after_of(head)});
  }
  for (std::size_t read = 0; read < kUnwantedMax;) {
    const auto piece = co_await reply->response.body().next(own);
    if (!piece || piece->empty()) break;
    read += piece->size();
  }
  co_return status;
}

core::task<Result<StoredPointer>> Upstream::load(core::Context& context, const http::RequestHead& request,
                                                 std::uint64_t id, Asker asker) {
  core::Context own(context, saturating_add(core::now(), timeout()));
  const std::shared_ptr<Policy> through = policy();
  Result<Reply> reply = co_await through->call(
      own,
      [this, &request](core::Context& each, core::Permit& permit) {
        return send_once(each, permit, request, nullptr);
      },
      {.level = asker.level, .flow = asker.flow}, JudgeReply{});
  if (!reply) co_return std::unexpected(reply.error());
  auto stored = std::make_shared<StoredReply>();
  stored->loader = id;
  stored->for_all = may_be_shared(reply->response.head());
  forwarding_.response(reply->response.head(), stored->head);
  http::BodySource& body = reply->response.body();
  const std::uint64_t most = body_bytes_max_.load(std::memory_order_relaxed);
  if (body.length().value_or(0) > most) stored->whole = false;
  while (stored->whole) {
    const auto piece = co_await body.next(own);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    if (stored->body.size() + piece->size() > most) stored->whole = false;
    if (stored->whole) stored->body.append(reinterpret_cast<const char*>(piece->data()), piece->size());
  }
  if (!stored->whole) stored->body = {};
  co_return stored;
}

core::task<Result<Upstream::Found>> Upstream::find(core::Context& context, std::string key,
                                                   http::RequestHead request, std::uint64_t id, Asker asker) {
  // Kept by the load for as long as it flies.
  const auto kept = std::make_shared<const http::RequestHead>(std::move(request));
  co_return co_await shared_->find(
      context, std::move(key),
      [this, kept, id, asker](core::Context& own) { return load(own, *kept, id, asker); }, {}, JudgeStored{});
}

std::optional<Upstream::Found> Upstream::find_stale(const std::string& key) const {
  const Duration most(stale_max_.load(std::memory_order_relaxed));
  if (most == Duration::zero()) return std::nullopt;
  auto found = shared_->peek(key);
  if (!found || found->age > most) return std::nullopt;
  return found;
}

core::task<> Upstream::run_shared(core::Context& context) {
  if (shared_) co_await shared_->run(context);
}

}  // namespace weir::service

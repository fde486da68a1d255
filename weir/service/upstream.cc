#include "weir/service/upstream.h"

#include <algorithm>
#include <array>
#include <functional>
#include <random>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/resilience/threshold.h"
#include "weir/service/contract.h"
#include "weir/service/footprint.h"
#include "weir/service/foreseen_rows.h"
#include "weir/service/health_checks.h"
#include "weir/service/limiter_setup.h"

namespace weir::service {
namespace {

using resilience::Attempt;

// A load belongs to nobody and takes the upstream's time at most: this only has to be
// longer (keys.h).
constexpr Duration kLoadMax = 2h;

// Of a reply that nobody waits for: what is read of it at most.
constexpr std::size_t kUnwantedMax = 64 << 10;

// How often its targets are looked at: connections past their time are found late by
// a quarter of it, and by a second at most.
constexpr Duration kSweepMin = 100ms, kSweepMax = 1s;

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
    if (reply) return attempt_of_head(reply->response.head());
    // Limits of ours say nothing of the upstream.
    if (reply.error().where == Targets::kFull)
      return {.outcome = Attempt::Outcome::unknown, .retryable = false};
    return resilience::attempt_of(reply.error());
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

// What a try is to have, to the head of its reply.
Duration try_time_of(const UpstreamConfig& config) {
  const bool own = config.retry && config.retry->try_timeout > Duration::zero();
  return own ? std::min(config.retry->try_timeout, config.timeout) : config.timeout;
}

bounds::Bound::Options bound_options(const UpstreamConfig& config, const TargetAddresses& addresses,
                                     const std::optional<PriorityConfig>& priority) {
  core::Limit::Queue queue = make_queue(config.queue, priority);
  const bounds::Row row = upstream_row(config, addresses);
  return {.name = row.name,
          .limit = initial_limit(config.limiter, config.inflight),
          .limit_max = config.inflight,
          .queue_depth = queue.depth,
          .queue_wait = queue.wait,
          .order = std::move(queue.order),
          .because = config.because,
          .each = row.each,
          .each_queued = row.each_queued,
          .descriptors_each = static_cast<std::uint32_t>(row.descriptors_each),
          .ports_each = static_cast<std::uint32_t>(row.ports_each),
          .ports_to = row.ports_to};
}

// What an upstream's limiter is to make of a try: a reply of any status shows what it
// can do, but for one that says it is too much; no reply in time does, too; any other
// failure says nothing of that.
void tell(admission::DependencyLimiter::Use& use, const Result<http::ClientResponse>& response,
          TimePoint now) {
  using admission::Outcome;
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

Upstream::Upstream(const UpstreamConfig& config, const TargetAddresses& addresses, const Parts& parts)
    : config_(config),
      forwarding_(parts.forwarding),
      ledger_(parts.ledger),
      forward_point_(parts.forward_point),
      resolver_(parts.resolver),
      body_bytes_max_(body_bytes_of(config)),
      stale_max_(stale_max_of(config).count()),
      timeout_(config.timeout.count()),
      try_time_(try_time_of(config).count()),
      inflight_(parts.ledger, bound_options(config, addresses, parts.priority)),
      limiter_(inflight_, limiter_of(config)),
      checking_(declare_checks(config)),
      targets_(config, addresses, parts.processors),
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

bounds::Bound* Upstream::declare_checks(const UpstreamConfig& config) {
  if (config.health && !checks_) {
    checks_ = std::make_unique<bounds::Bound>(
        ledger_, bounds::Bound::Options{.name = "health:" + config_.name,
                                        .limit = kChecksMax,
                                        .because = "targets that are asked at once whether they are well",
                                        .descriptors_each = 1});
  }
  return checks_.get();
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

void Upstream::apply(const UpstreamConfig& to, const TargetAddresses& addresses,
                     const std::optional<PriorityConfig>& priority) {
  timeout_.store(to.timeout.count(), std::memory_order_relaxed);
  try_time_.store(try_time_of(to).count(), std::memory_order_relaxed);
  body_bytes_max_.store(body_bytes_of(to), std::memory_order_relaxed);
  stale_max_.store(stale_max_of(to).count(), std::memory_order_relaxed);
  apply_bound(to, priority);
  if (shared_ && to.cache) shared_->adjust_cache(cache_options(to.name, *to.cache));
  if (hedges_) (void)hedges_->resize(to.inflight);
  checking_.store(declare_checks(to), std::memory_order_release);
  targets_.apply(to, addresses);
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

Target::Verdict Upstream::verdict_of(const Result<http::ClientResponse>& response, const Sending& sending,
                                     TimePoint began, TimePoint now) const {
  using enum Target::Verdict;
  if (sending.body != nullptr && sending.body->failed()) return nothing;
  if (response) {
    const int status = response->head().status;
    return status >= 500 ? bad : status == 429 ? nothing : good;
  }
  switch (response.error().kind) {
    case ErrorKind::disconnected: return bad;
    case ErrorKind::invalid: return response.error().where == "request" ? nothing : bad;
    // Out of the little time that the caller had left nothing follows.
    case ErrorKind::deadline: return now - began >= try_time() / 2 ? bad : nothing;
    default: return nothing;
  }
}

core::task<Result<Upstream::Reply>> Upstream::send_once(core::Context& context, core::Permit& permit,
                                                        Sending& sending) {
  if (Result<> fault = co_await testing::fault_point(context, forward_point_); !fault) {
    co_return std::unexpected(fault.error());
  }
  const TimePoint began = core::now();
  Result<TargetLease> lease = targets_.take(sending.targets, sending.tried, began);
  if (!lease) co_return std::unexpected(lease.error());
  if (!lease->target().can_speak()) co_return fail(ErrorKind::internal, Reason::certificate, "tls files");
  const std::uint32_t attempt = sending.tries.fetch_add(1, std::memory_order_relaxed) + 1;
  std::optional<http::RequestHead> told;  // a copy: another try may be sent at the same time
  if (tells_each_try(sending.targets->contract)) {
    tell_try(sending.targets->contract, attempt, context.deadline() - began, told.emplace(sending.request));
  }
  admission::DependencyLimiter::Use use = limiter_.begin(began);
  Result<http::ClientResponse> response =
      co_await lease->target().client().send(context, told ? *told : sending.request, sending.body);
  const TimePoint now = core::now();
  if (sending.body == nullptr || !sending.body->failed()) tell(use, response, now);
  targets_.tell(*lease, verdict_of(response, sending, began, now), now);
  if (!response) co_return std::unexpected(response.error());
  co_return Reply{std::move(*lease), std::move(permit), std::move(*response)};
}

void Upstream::broke_off(const Reply& reply) {
  targets_.tell(reply.target, Target::Verdict::bad, core::now());
}

core::task<Result<Upstream::Reply>> Upstream::send(core::Context& context, const http::RequestHead& request,
                                                   ClientBody& body, std::shared_ptr<const TargetSet> targets,
                                                   Asker asker) {
  Sending sending{
      .request = request, .body = body.length() != 0 ? &body : nullptr, .targets = std::move(targets)};
  const std::shared_ptr<Policy> through = policy();
  co_return co_await through->call(
      context,
      [this, &sending](core::Context& own, core::Permit& permit) { return send_once(own, permit, sending); },
      // A handshake opens something, whatever its method.
      {.level = asker.level,
       .flow = asker.flow,
       .repeatable =
           sending.body == nullptr && may_be_repeated(request.method) && !request.headers.get("upgrade")},
      JudgeReply{&body});
}

// The reply is nobody's: it is read so that its connection serves others, as far as
// that is cheaper than a new one.
core::task<Result<int>> Upstream::send_stored(core::Context& context, const StoredRequest& request) {
  core::Context own(context, saturating_add(core::now(), timeout()));
  TextBody text(request.body);
  ClientBody body(text);
  Result<Reply> reply = co_await send(own, request.head, body, targets_.current(), {});
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
  Sending sending{.request = request, .body = nullptr, .targets = targets_.current()};
  const std::shared_ptr<Policy> through = policy();
  Result<Reply> reply = co_await through->call(
      own,
      [this, &sending](core::Context& each, core::Permit& permit) {
        return send_once(each, permit, sending);
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

core::task<> Upstream::keep(std::shared_ptr<Upstream> self, core::Context& context, core::Limit& tasks) {
  (void)co_await core::with_scope(context, [&](core::Scope& scope) { return self->keep_up(scope, tasks); });
}

core::task<> Upstream::keep_up(core::Scope& scope, core::Limit& tasks) {
  const auto start = [&](core::task<> task) {
    Result<core::Permit> permit = tasks.try_acquire();
    WEIR_CHECK(permit, "the tasks of each upstream are declared");
    scope.spawn(std::move(*permit), std::move(task));
  };
  start(check_targets(scope.context(), targets_, checking_));
  start(targets_.follow_names(scope.context(), resolver_));
  if (shared_) start(shared_->run(scope.context()));
  if (deferral_) start(deferral_->run(scope.context()));
  const Duration pause = std::clamp(config_.connections.idle_timeout / 4, kSweepMin, kSweepMax);
  for (;;) {
    const Result<> retired = co_await retired_.wait(scope.context(), saturating_add(core::now(), pause));
    if (retired || retired.error().kind != ErrorKind::deadline) break;
    targets_.sweep(core::now());
  }
  if (deferral_) {
    deferral_->close();
    (void)co_await deferral_->ended(scope.context());
  }
  scope.cancel();
}

}  // namespace weir::service

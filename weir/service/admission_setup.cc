#include "weir/service/admission_setup.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/service/footprint.h"
#include "weir/service/limiter_setup.h"
#include "weir/service/rate_fields.h"
#include "weir/service/tier_rules.h"

namespace weir::service {
namespace {

using admission::CostClass;
using admission::Criticality;

CostClass::Options class_options(const GatewayConfig& config) {
  core::Limit::Queue queue = make_queue(config.inflight.queue, config.priority);
  CostClass::Options options{.name = "inflight",
                             .limiter = make_limiter(config.inflight.limiter, config.inflight.limit),
                             .queue = std::move(queue.order),
                             .queue_depth = queue.depth,
                             .queue_wait = queue.wait,
                             .because = config.inflight.because,
                             .each = request_bytes(config.server),
                             .each_queued = queued_request_bytes(config.server)};
  if (config.priority) options.shedder.shares = config.priority->shares;
  return options;
}

bounds::RateOptions rate_options(const RateConfig& config) {
  return {.units = config.limit, .per = config.per, .burst = config.burst};
}

std::unique_ptr<admission::MemoryGuard> make_memory(const GatewayConfig& config) {
  if (!config.memory) return nullptr;
  return std::make_unique<admission::MemoryGuard>(admission::MemoryGuard::Options{
      .from = config.memory->shed_at, .all_from = config.memory->refuse_at, .limit = config.memory->limit});
}

bounds::KeyedBound::Overrides inflight_overrides(const TenantConfig& tenant) {
  bounds::KeyedBound::Overrides overrides;
  for (const auto& [key, numbers] : tenant.overrides) {
    if (numbers.inflight) overrides.emplace(key, *numbers.inflight);
  }
  return overrides;
}

bounds::KeyedRate::Overrides rate_overrides(const TenantConfig& tenant) {
  bounds::KeyedRate::Overrides overrides;
  for (const auto& [key, numbers] : tenant.overrides) {
    if (numbers.rate) overrides.emplace(key, rate_options(*numbers.rate));
  }
  return overrides;
}

std::unique_ptr<bounds::KeyedBound> make_tenants(const GatewayConfig& config, bounds::Ledger& ledger,
                                                 const bounds::Bound& parent) {
  if (!config.tenant) return nullptr;
  const TenantConfig& tenant = *config.tenant;
  // A limit that moves may be below a tenant's, which then is not what holds it.
  const bool fixed = !config.inflight.limiter.moves();
  return std::make_unique<bounds::KeyedBound>(
      ledger, bounds::KeyedBound::Options{.name = "tenant",
                                          .limit = tenant.inflight,
                                          .keys_max = tenant.keys_max,
                                          .because = tenant.because,
                                          .parent = fixed ? &parent : nullptr,
                                          .overrides = inflight_overrides(tenant)});
}

std::unique_ptr<bounds::KeyedRate> make_tenant_rate(const GatewayConfig& config, bounds::Ledger& ledger) {
  if (!config.tenant || !config.tenant->rate) return nullptr;
  const TenantConfig& tenant = *config.tenant;
  return std::make_unique<bounds::KeyedRate>(ledger,
                                             bounds::KeyedRate::Options{.name = "tenant-rate",
                                                                        .rate = rate_options(*tenant.rate),
                                                                        .keys_max = tenant.keys_max,
                                                                        .because = tenant.because,
                                                                        .overrides = rate_overrides(tenant)});
}

std::unique_ptr<bounds::KeyedRate> make_caller_rate(const GatewayConfig& config, bounds::Ledger& ledger) {
  if (!config.caller) return nullptr;
  return std::make_unique<bounds::KeyedRate>(
      ledger, bounds::KeyedRate::Options{.name = "caller-rate",
                                         .rate = rate_options(config.caller->rate),
                                         .keys_max = config.caller->keys_max,
                                         .because = config.caller->because});
}

Duration wall_clock() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<Duration>(wall) - SystemClock().now().time_since_epoch();
}

Criticality criticality(const std::string& word) {
  const auto parsed = admission::parse_criticality(word);
  WEIR_CHECK(parsed, "a checked configuration has only known words");
  return *parsed;
}

}  // namespace

// What is read in a request: how important it is, of which tier.
struct GatewayAdmission::Reading {
  explicit Reading(const GatewayConfig& config) {
    if (config.tiers) tiers.emplace(*config.tiers);
    if (!config.priority) return;
    header = config.priority->header;
    fallback = criticality(config.priority->fallback);
    for (const auto& [word, level] : config.priority->classes) words.emplace(word, criticality(level));
  }

  static bool is_needed(const GatewayConfig& config) { return config.priority || config.tiers; }

  Criticality importance_of(const http::RequestHead& request) const {
    if (header.empty()) return fallback;
    const auto word = request.headers.get(header);
    if (!word) return fallback;
    if (const auto own = words.find(*word); own != words.end()) return own->second;
    return admission::parse_criticality(*word).value_or(fallback);
  }

  std::string header;
  Criticality fallback = Criticality::normal;
  std::map<std::string, Criticality, std::less<>> words;
  std::optional<TierRules> tiers;
};

GatewayAdmission::GatewayAdmission(const GatewayConfig& config, bounds::Ledger& ledger, unsigned processors)
    : tells_rates_(config.server.rate_fields),
      reading_(std::make_shared<const Reading>(config), processors),
      reads_(Reading::is_needed(config)),
      memory_(make_memory(config)),
      all_(ledger, class_options(config)),
      tenant_rate_(make_tenant_rate(config, ledger)),
      tenant_bound_(make_tenants(config, ledger, all_.bound())),
      caller_rate_(make_caller_rate(config, ledger)),
      tiers_(config.tiers ? std::make_unique<bounds::Budget>(ledger, budget_options(config)) : nullptr),
      admission_({.guards = memory_ ? std::vector<const admission::Guard*>{memory_.get()}
                                    : std::vector<const admission::Guard*>{},
                  .classes = {&all_},
                  .tenant_rate = tenant_rate_.get(),
                  .tenant_bound = tenant_bound_.get(),
                  .caller_rate = caller_rate_.get(),
                  .budget = tiers_.get(),
                  .wall_clock = wall_clock()}),
      applied_(config.inflight),
      priority_(config.priority),
      tiers_config_(config.tiers) {
  if (config.tenant) {
    tenant_header_ = config.tenant->header;
    tell_tenant_limit(*config.tenant);
  }
  if (config.caller) caller_header_ = config.caller->header;
  if (!config.tiers) return;
  for (const TierConfig& tier : config.tiers->all) tier_names_.push_back(tier.name);
}

GatewayAdmission::~GatewayAdmission() = default;

std::optional<std::string_view> GatewayAdmission::tenant_of(const http::RequestHead& request) const {
  if (tenant_header_.empty()) return std::nullopt;
  return request.headers.get(tenant_header_);
}

std::string_view GatewayAdmission::importance_word(const http::RequestHead& request) const {
  return admission::to_string(reading_.get()->importance_of(request));
}

admission::Admission::Admit GatewayAdmission::ask(core::Context& context,
                                                  const http::RequestHead& request) const {
  admission::Request asked{.now = core::now()};
  if (reads_.load(std::memory_order_relaxed)) {
    const std::shared_ptr<const Reading> reading = reading_.get();
    asked.priority = reading->importance_of(request);
    if (reading->tiers) asked.tier = reading->tiers->tier_of(request);
  }
  if (!tenant_header_.empty()) asked.tenant = request.headers.get(tenant_header_).value_or("");
  if (!caller_header_.empty()) asked.caller = request.headers.get(caller_header_).value_or("");
  return admission_.admit(context, asked);
}

void GatewayAdmission::tell_rates(const http::RequestHead& request, http::Headers& reply) const {
  if (!tells_rates()) return;
  const TimePoint now = core::now();
  RateFields fields;
  const auto tell = [&](bounds::KeyedRate* rate, const std::string& header) {
    const auto key = rate == nullptr || header.empty() ? std::nullopt : request.headers.get(header);
    if (key && !key->empty()) fields.add(rate->name(), rate->standing(*key, now));
  };
  tell(tenant_rate_.get(), tenant_header_);
  tell(caller_rate_.get(), caller_header_);
  if (fields.policy.empty()) return;
  reply.add("RateLimit-Policy", fields.policy);
  reply.add("RateLimit", fields.left);
}

void GatewayAdmission::tell_tenant_limit(const TenantConfig& tenant) {
  tenant_limit_.store(inflight_overrides(tenant).empty() ? tenant.inflight : 0, std::memory_order_relaxed);
}

void GatewayAdmission::apply_reading(const GatewayConfig& to) {
  if (to.priority != priority_ || to.tiers != tiers_config_) {
    reading_.set(std::make_shared<const Reading>(to));
    reads_.store(Reading::is_needed(to), std::memory_order_relaxed);
  }
  if (to.priority != priority_) all_.set_shares(to.priority.value_or(PriorityConfig{}).shares);
  if (to.priority != priority_ || to.inflight.queue != applied_.queue)
    all_.set_queue(make_queue(to.inflight.queue, to.priority));
  if (tiers_ && to.tiers) {
    const auto resized = tiers_->resize(budget_options(to));
    WEIR_CHECK(resized, resized.error().c_str());
  }
  priority_ = to.priority;
  tiers_config_ = to.tiers;
}

void GatewayAdmission::apply(const GatewayConfig& to) {
  apply_reading(to);
  if (memory_ && to.memory) {
    memory_->adjust(
        {.from = to.memory->shed_at, .all_from = to.memory->refuse_at, .limit = to.memory->limit});
  }
  const bool grows = to.inflight.limit > applied_.limit;
  const bool same = applied_.limit == to.inflight.limit && applied_.limiter == to.inflight.limiter;
  const auto limiter = [&] { return make_limiter(to.inflight.limiter, to.inflight.limit); };
  // What a tenant may have is at most what all may, in between too.
  if (!same && grows) all_.set_limiter(limiter());
  if (tenant_bound_ && to.tenant) {
    (void)tenant_bound_->resize(to.tenant->inflight);
    (void)tenant_bound_->set_overrides(inflight_overrides(*to.tenant));
    tell_tenant_limit(*to.tenant);
  }
  if (tenant_rate_ && to.tenant && to.tenant->rate) {
    (void)tenant_rate_->resize(rate_options(*to.tenant->rate));
    (void)tenant_rate_->set_overrides(rate_overrides(*to.tenant));
  }
  if (caller_rate_ && to.caller) (void)caller_rate_->resize(rate_options(to.caller->rate));
  if (!same && !grows) all_.set_limiter(limiter());
  applied_ = to.inflight;
}

GatewayAdmission::Refuser GatewayAdmission::refuser(const Error& error) const {
  if (tenant_bound_ && error.where == tenant_bound_->name()) return Refuser::tenant;
  if (tenant_rate_ && error.where == tenant_rate_->name()) return Refuser::tenant;
  if (caller_rate_ && error.where == caller_rate_->name()) return Refuser::caller;
  if (memory_ && error.where == memory_->name()) return Refuser::memory;
  if (tiers_ && error.where.starts_with("tiers.")) return Refuser::tier;
  return Refuser::all;
}

std::uint64_t GatewayAdmission::limit_of(Refuser refuser) const {
  if (refuser == Refuser::tenant && tenant_bound_) return tenant_limit_.load(std::memory_order_relaxed);
  return refuser == Refuser::all ? all_.bound().limit() : 0;
}

}  // namespace weir::service

#include "weir/service/admission_setup.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "weir/admission/aimd.h"
#include "weir/admission/fixed.h"
#include "weir/admission/gradient2.h"
#include "weir/admission/queue_codel.h"
#include "weir/admission/queue_delay.h"
#include "weir/admission/queue_fair.h"
#include "weir/admission/queue_fifo.h"
#include "weir/admission/queue_priority.h"
#include "weir/admission/vegas.h"
#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/service/footprint.h"

namespace weir::service {
namespace {

using admission::CostClass;
using admission::Criticality;

std::unique_ptr<admission::Limiter> make_limiter(const InflightConfig& config) {
  if (config.limiter == "fixed") return std::make_unique<admission::FixedLimiter>(config.limit);
  const std::uint32_t initial = config.initial > 0 ? config.initial : admission::LimitRange{}.initial;
  const admission::LimitRange range{
      .initial = std::clamp(initial, config.min, config.limit), .min = config.min, .max = config.limit};
  if (config.limiter == "gradient2") {
    return std::make_unique<admission::Gradient2Limiter>(
        admission::Gradient2Limiter::Options{.range = range});
  }
  if (config.limiter == "vegas") {
    return std::make_unique<admission::VegasLimiter>(admission::VegasLimiter::Options{.range = range});
  }
  if (config.limiter == "aimd") {
    return std::make_unique<admission::AimdLimiter>(admission::AimdLimiter::Options{.range = range});
  }
  WEIR_CHECK(config.limiter == "queue_delay", "a checked configuration names a limiter that exists");
  return std::make_unique<admission::QueueDelayLimiter>(
      admission::QueueDelayLimiter::Options{.range = range, .objective = config.objective});
}

std::shared_ptr<core::WaitOrder> make_order(const GatewayConfig& config) {
  const std::string& order = config.inflight.queue.order;
  if (order == "codel") return std::make_shared<admission::CodelQueue>();
  if (order == "fair") return std::make_shared<admission::FairQueue>();
  if (order == "fifo") return std::make_shared<admission::FifoQueue>();
  admission::PriorityQueue::Options options;
  if (config.priority) options.shares = config.priority->shares;
  return std::make_shared<admission::PriorityQueue>(options);
}

CostClass::Options class_options(const GatewayConfig& config) {
  CostClass::Options options{.name = "inflight",
                             .limiter = make_limiter(config.inflight),
                             .queue = make_order(config),
                             .queue_depth = config.inflight.queue.depth,
                             .queue_wait = config.inflight.queue.wait,
                             .because = config.inflight.because,
                             .each = request_bytes(config.server),
                             .each_queued = queued_request_bytes()};
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

std::unique_ptr<bounds::KeyedBound> make_tenants(const GatewayConfig& config, bounds::Ledger& ledger,
                                                 const bounds::Bound& parent) {
  if (!config.tenant) return nullptr;
  const TenantConfig& tenant = *config.tenant;
  // A limit that moves may be below a tenant's, which then is not what holds it.
  const bool fixed = config.inflight.limiter == "fixed";
  return std::make_unique<bounds::KeyedBound>(ledger,
                                              bounds::KeyedBound::Options{.name = "tenant",
                                                                          .limit = tenant.inflight,
                                                                          .keys_max = tenant.keys_max,
                                                                          .because = tenant.because,
                                                                          .parent = fixed ? &parent : nullptr,
                                                                          .overrides = tenant.overrides});
}

std::unique_ptr<bounds::KeyedRate> make_rate(bounds::Ledger& ledger, const char* name, const RateConfig& rate,
                                             std::uint32_t keys_max, const std::string& because) {
  return std::make_unique<bounds::KeyedRate>(
      ledger, bounds::KeyedRate::Options{
                  .name = name, .rate = rate_options(rate), .keys_max = keys_max, .because = because});
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

GatewayAdmission::GatewayAdmission(const GatewayConfig& config, bounds::Ledger& ledger)
    : memory_(make_memory(config)),
      all_(ledger, class_options(config)),
      tenant_rate_(config.tenant && config.tenant->rate
                       ? make_rate(ledger, "tenant-rate", *config.tenant->rate, config.tenant->keys_max,
                                   config.tenant->because)
                       : nullptr),
      tenant_bound_(make_tenants(config, ledger, all_.bound())),
      caller_rate_(config.caller ? make_rate(ledger, "caller-rate", config.caller->rate,
                                             config.caller->keys_max, config.caller->because)
                                 : nullptr),
      admission_({.guards = memory_ ? std::vector<const admission::Guard*>{memory_.get()}
                                    : std::vector<const admission::Guard*>{},
                  .classes = {&all_},
                  .tenant_rate = tenant_rate_.get(),
                  .tenant_bound = tenant_bound_.get(),
                  .caller_rate = caller_rate_.get(),
                  .wall_clock = wall_clock()}),
      applied_(config.inflight) {
  if (config.tenant) {
    tenant_header_ = config.tenant->header;
    tell_tenant_limit(*config.tenant);
  }
  if (config.caller) caller_header_ = config.caller->header;
  if (!config.priority) return;
  priority_header_ = config.priority->header;
  priority_default_ = criticality(config.priority->fallback);
  for (const auto& [word, level] : config.priority->classes)
    priority_words_.emplace(word, criticality(level));
}

Criticality GatewayAdmission::importance_of(const http::RequestHead& request) const {
  if (priority_header_.empty()) return Criticality::normal;
  const auto word = request.headers.get(priority_header_);
  if (!word) return priority_default_;
  if (const auto own = priority_words_.find(*word); own != priority_words_.end()) return own->second;
  return admission::parse_criticality(*word).value_or(priority_default_);
}

std::optional<std::string_view> GatewayAdmission::tenant_of(const http::RequestHead& request) const {
  if (tenant_header_.empty()) return std::nullopt;
  return request.headers.get(tenant_header_);
}

admission::Admission::Admit GatewayAdmission::ask(core::Context& context,
                                                  const http::RequestHead& request) const {
  admission::Request asked{.priority = importance_of(request), .now = core::now()};
  if (!tenant_header_.empty()) asked.tenant = request.headers.get(tenant_header_).value_or("");
  if (!caller_header_.empty()) asked.caller = request.headers.get(caller_header_).value_or("");
  return admission_.admit(context, asked);
}

void GatewayAdmission::tell_tenant_limit(const TenantConfig& tenant) {
  tenant_limit_.store(tenant.overrides.empty() ? tenant.inflight : 0, std::memory_order_relaxed);
}

void GatewayAdmission::apply(const GatewayConfig& to) {
  const bool grows = to.inflight.limit > applied_.limit;
  const bool same = applied_.limit == to.inflight.limit && applied_.limiter == to.inflight.limiter &&
                    applied_.min == to.inflight.min && applied_.initial == to.inflight.initial &&
                    applied_.objective == to.inflight.objective;
  // What a tenant may have is at most what all may, in between too.
  if (!same && grows) all_.set_limiter(make_limiter(to.inflight));
  if (tenant_bound_ && to.tenant) {
    (void)tenant_bound_->resize(to.tenant->inflight);
    (void)tenant_bound_->set_overrides(to.tenant->overrides);
    tell_tenant_limit(*to.tenant);
  }
  if (tenant_rate_ && to.tenant && to.tenant->rate)
    (void)tenant_rate_->resize(rate_options(*to.tenant->rate));
  if (caller_rate_ && to.caller) (void)caller_rate_->resize(rate_options(to.caller->rate));
  if (!same && !grows) all_.set_limiter(make_limiter(to.inflight));
  applied_ = to.inflight;
}

GatewayAdmission::Refuser GatewayAdmission::refuser(const Error& error) const {
  if (tenant_bound_ && error.where == tenant_bound_->name()) return Refuser::tenant;
  if (tenant_rate_ && error.where == tenant_rate_->name()) return Refuser::tenant;
  if (caller_rate_ && error.where == caller_rate_->name()) return Refuser::caller;
  if (memory_ && error.where == memory_->name()) return Refuser::memory;
  return Refuser::all;
}

std::uint64_t GatewayAdmission::limit_of(Refuser refuser) const {
  if (refuser == Refuser::tenant && tenant_bound_) return tenant_limit_.load(std::memory_order_relaxed);
  return refuser == Refuser::all ? all_.bound().limit() : 0;
}

}  // namespace weir::service

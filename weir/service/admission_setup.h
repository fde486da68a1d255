// The admission decision as the configuration declares it, out of the parts of
// weir/admission: what the gateway asks before it does anything for a request.
//
// Built before the runtime runs; ask() is called by tasks, on any processor. The
// ledger outlives it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/admission/admission.h"
#include "weir/admission/memory_guard.h"
#include "weir/bounds/budget.h"
#include "weir/bounds/keyed_bound.h"
#include "weir/bounds/keyed_rate.h"
#include "weir/bounds/ledger.h"
#include "weir/http/headers.h"
#include "weir/http/message.h"
#include "weir/service/config.h"
#include "weir/service/published.h"

namespace weir::service {

class GatewayAdmission {
 public:
  GatewayAdmission(const GatewayConfig& config, bounds::Ledger& ledger, unsigned processors = 1);
  ~GatewayAdmission();
  GatewayAdmission(const GatewayAdmission&) = delete;
  GatewayAdmission& operator=(const GatewayAdmission&) = delete;

  // Awaits Result<admission::Admitted>; as Admission::admit(). `request` is read
  // until then.
  admission::Admission::Admit ask(core::Context& context, const http::RequestHead& request) const;

  // As Gateway::apply().
  void apply(const GatewayConfig& to);
  // Null: none is declared. Whoever runs the gateway runs it.
  admission::MemoryGuard* memory() { return memory_.get(); }
  const admission::MemoryGuard* memory() const { return memory_.get(); }
  const admission::CostClass& all() const { return all_; }
  // Null: none are declared.
  const bounds::Budget* tiers() const { return tiers_.get(); }
  const std::vector<std::string>& tier_names() const { return tier_names_; }

  // What it reads of a request: empty where it has no tenant, and how important it is
  // in one of the five words.
  std::optional<std::string_view> tenant_of(const http::RequestHead& request) const;
  std::string_view importance_word(const http::RequestHead& request) const;

  // RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers) of what has a
  // rate in the request: its tenant, its caller. Nothing where none has, or they are off.
  void tell_rates(const http::RequestHead& request, http::Headers& reply) const;
  // Whether that may have something to tell.
  bool tells_rates() const { return tells_rates_ && (tenant_rate_ || caller_rate_); }

  // Whose an error is, by its `where`.
  enum class Refuser : std::uint8_t { tenant, caller, memory, tier, all };
  Refuser refuser(const Error& error) const;
  // The limit that it met; 0: there is none to tell.
  std::uint64_t limit_of(Refuser refuser) const;

 private:
  struct Reading;

  void apply_reading(const GatewayConfig& to);
  void tell_tenant_limit(const TenantConfig& tenant);

  // Constant after construction.
  std::string tenant_header_, caller_header_;
  const bool tells_rates_;
  Published<Reading> reading_;
  std::atomic<bool> reads_;  // false: all are as important and of one tier; relaxed: it orders nothing
  std::unique_ptr<admission::MemoryGuard> memory_;
  admission::CostClass all_;
  std::unique_ptr<bounds::KeyedRate> tenant_rate_;
  std::unique_ptr<bounds::KeyedBound> tenant_bound_;
  std::unique_ptr<bounds::KeyedRate> caller_rate_;
  std::unique_ptr<bounds::Budget> tiers_;
  std::vector<std::string> tier_names_;
  const admission::Admission admission_;
  // What a refusal tells of a tenant's limit; 0 where it is not the same for all.
  // relaxed: it orders nothing.
  std::atomic<std::uint32_t> tenant_limit_{0};
  InflightConfig applied_;  // by apply() only, as what follows
  std::optional<PriorityConfig> priority_;
  std::optional<TiersConfig> tiers_config_;
};

}  // namespace weir::service

// The admission decision as the configuration declares it, out of the parts of
// weir/admission: what the gateway asks before it does anything for a request.
//
// Built before the runtime runs; ask() is called by tasks, on any processor. The
// ledger outlives it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "weir/admission/admission.h"
#include "weir/admission/memory_guard.h"
#include "weir/bounds/keyed_bound.h"
#include "weir/bounds/keyed_rate.h"
#include "weir/bounds/ledger.h"
#include "weir/http/message.h"
#include "weir/service/config.h"

namespace weir::service {

class GatewayAdmission {
 public:
  GatewayAdmission(const GatewayConfig& config, bounds::Ledger& ledger);

  // Awaits Result<admission::Admitted>; as Admission::admit(). `request` is read
  // until then.
  admission::Admission::Admit ask(core::Context& context, const http::RequestHead& request) const;

  // As Gateway::apply().
  void apply(const GatewayConfig& to);
  // Null: none is declared. Whoever runs the gateway runs it.
  admission::MemoryGuard* memory() { return memory_.get(); }
  const admission::MemoryGuard* memory() const { return memory_.get(); }
  const admission::CostClass& all() const { return all_; }

  // What it reads of a request: empty where it has no tenant, and how important it is
  // in one of the five words.
  std::optional<std::string_view> tenant_of(const http::RequestHead& request) const;
  std::string_view importance_word(const http::RequestHead& request) const {
    return admission::to_string(importance_of(request));
  }

  // Whose an error is, by its `where`.
  enum class Refuser : std::uint8_t { tenant, caller, memory, all };
  Refuser refuser(const Error& error) const;
  // The limit that it met; 0: there is none to tell.
  std::uint64_t limit_of(Refuser refuser) const;

 private:
  void tell_tenant_limit(const TenantConfig& tenant);
  admission::Criticality importance_of(const http::RequestHead& request) const;

  // Constant after construction.
  std::string tenant_header_, caller_header_, priority_header_;
  admission::Criticality priority_default_ = admission::Criticality::normal;
  std::map<std::string, admission::Criticality, std::less<>> priority_words_;
  std::unique_ptr<admission::MemoryGuard> memory_;
  admission::CostClass all_;
  std::unique_ptr<bounds::KeyedRate> tenant_rate_;
  std::unique_ptr<bounds::KeyedBound> tenant_bound_;
  std::unique_ptr<bounds::KeyedRate> caller_rate_;
  const admission::Admission admission_;
  // What a refusal tells of a tenant's limit; 0 where it is not the same for all.
  // relaxed: it orders nothing.
  std::atomic<std::uint32_t> tenant_limit_{0};
  InflightConfig applied_;  // by apply() only
};

}  // namespace weir::service

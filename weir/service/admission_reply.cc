#include "weir/service/admission_reply.h"

#include <algorithm>

namespace weir::service {

RefusalReply admission_refusal(const GatewayAdmission& admission, const Error& error) {
  using Refuser = GatewayAdmission::Refuser;
  const Refuser refuser = admission.refuser(error);
  if (refuser == Refuser::tenant && error.kind == ErrorKind::invalid) {
    return {.status = 400,
            .reason = "tenant_key",
            .message = "the tenant's key is longer than a key may be",
            .bound = error.where};
  }
  const bool one = refuser == Refuser::tenant || refuser == Refuser::caller;
  std::string_view message = "as many requests are inside as the service can carry";
  if (one) message = "this tenant has as many requests inside as it may have";
  if (error.reason == Reason::over_rate) message = "more requests in this time than were agreed on";
  if (refuser == Refuser::memory) message = "the service runs short of memory";
  if (error.reason == Reason::shed) {
    message = "more comes than can be served, and what is more important goes first";
  }
  return {.status = one ? 429 : 503,
          .reason = weir::to_string(error.reason),
          .message = message,
          .bound = error.where,
          .limit = admission.limit_of(refuser),
          .retry_after = std::max(kRetryAfterMin, error.retry_after),
          .threshold = one ? 0 : admission.all().threshold()};
}

}  // namespace weir::service

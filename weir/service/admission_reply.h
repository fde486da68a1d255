// How a refusal of the admission decision is answered.
#pragma once

#include "weir/base/result.h"
#include "weir/service/admission_setup.h"
#include "weir/service/refusal_reply.h"

namespace weir::service {

// Whoever comes back sooner meets the same queue; and it is what Retry-After can say.
inline constexpr Duration kRetryAfterMin = 1s;

// 429 where a tenant or a caller has too much, 503 where all together have; 400 for a
// key that is longer than keys are. `error` is of GatewayAdmission::ask().
RefusalReply admission_refusal(const GatewayAdmission& admission, const Error& error);

}  // namespace weir::service

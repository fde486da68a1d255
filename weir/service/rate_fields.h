// What a caller is told of its rate: the fields RateLimit-Policy and RateLimit, as
// draft-ietf-httpapi-ratelimit-headers-10 has them.
//
//   RateLimit-Policy: "tenant-rate";q=500;w=1      500 in each second
//   RateLimit: "tenant-rate";r=12;t=3              12 left; all of it again in 3 s
//
// Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "weir/bounds/keyed_rate.h"

namespace weir::service {

struct RateFields {
  std::string policy;
  std::string left;
};

// `name`: of the bound, printable and without quotes. The field's windows are whole
// seconds: of another the quota is what it comes to in the next longer one.
RateFields rate_fields(std::string_view name, const bounds::KeyedRate::Standing& standing);

}  // namespace weir::service

// What a caller is told of its rates: the fields RateLimit-Policy and RateLimit, as
// draft-ietf-httpapi-ratelimit-headers-10 has them, a member of the list for each bound.
//
//   RateLimit-Policy: "tenant-rate";q=500;w=1      500 in each second
//   RateLimit: "tenant-rate";r=12;t=3              12 left; all of it again in 3 s
//
// Every reply has them: nothing is formatted, each field is allocated once.
// Plain values.
#pragma once

#include <string>
#include <string_view>

#include "weir/bounds/keyed_rate.h"

namespace weir::service {

struct RateFields {
  // Adds one bound's. `name`: printable and without quotes. The field's windows are whole
  // seconds: of another the quota is what it comes to in the next longer one.
  void add(std::string_view name, const bounds::KeyedRate::Standing& standing);

  std::string policy;  // empty: of none
  std::string left;
};

}  // namespace weir::service

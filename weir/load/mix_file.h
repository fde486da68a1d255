// The requests of a load run, from a file:
//
//   requests:
//     - name: read
//       weight: 9
//       path: /items/{{random:1..1000}}
//     - name: write
//       method: POST
//       path: /items
//       headers: {Content-Type: application/json}
//       body_file: item.json        # beside this file; or body: '{"n": {{n}}}'
//   labels:
//     - name: tenant
//       header: X-Tenant
//       values: {acme: 3, initech: 1}
//
// A request has a weight of 1 and the method GET unless it says otherwise. A
// file reads another (body_file) and touches nothing else.
#pragma once

#include <expected>
#include <string>

#include "weir/load/request_mix.h"

namespace weir::load {

// Error: text, "mix.yaml:4: ..." where it is known which line.
std::expected<RequestMix, std::string> read_mix(const std::string& path);

}  // namespace weir::load

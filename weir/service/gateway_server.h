// `weir serve`: the gateway with its admin port, the embedded demo upstream
// when the configuration asks for it, and the drain.
//
//   core::SignalSet::block({SIGINT, SIGTERM});
//   int exit_code = run_gateway(config, {.announce = print});
//
// Runs until SIGINT or SIGTERM. Then: /readyz says 503, new requests are
// accepted for drain.readiness_delay, listeners close, what is in flight has
// until drain.deadline to finish, and the rest is cut off. A second signal cuts
// it off at once.
#pragma once

#include <functional>
#include <string_view>

#include "weir/service/config.h"

namespace weir::service {

struct GatewayRunOptions {
  // How many processors; 0: what the machine or the container gives.
  unsigned processors = 0;
  // Is given each line of the program's own news: addresses, the drain.
  std::function<void(std::string_view line)> announce;
};

// The signals must be blocked in the calling thread before it starts others.
// The exit code: 0 after a drain, also one that had to cut off what was late;
// 2 when an address cannot be resolved or listened on, which is announced; 130
// after a second signal.
int run_gateway(const GatewayConfig& config, const GatewayRunOptions& options);

}  // namespace weir::service

// `weir serve`: the gateway with its admin port, the embedded demo upstream
// when the configuration asks for it, and the drain.
//
//   core::SignalSet::block({SIGINT, SIGTERM, SIGHUP});
//   int exit_code = run_gateway(config, {.announce = print});
//
// SIGHUP reads the configuration again (reload.h). Runs until SIGINT or SIGTERM. Then: /readyz says 503, new
// requests are accepted for drain.readiness_delay, listeners close, what is in flight has until
// drain.deadline to finish, and the rest is cut off. A second signal cuts it off at once.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "weir/bounds/ledger.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/service/config.h"
#include "weir/testing/faults.h"

namespace weir::service {

// What a task beside the gateway works with.
struct GatewayParts {
  core::Context& context;          // cancelled after the drain
  core::Context& serving;          // cancelled when the drain begins
  testing::FaultInjector& faults;  // with the points below
  bounds::Ledger& ledger;
};

// The named points of a running gateway: Gateway::forward_point(),
// DemoUpstream::answer_point().
inline constexpr std::array<std::string_view, 2> kGatewayFaultPoints{"gateway.forward", "demo.answer"};

struct GatewayRunOptions {
  // How many processors; 0: what the machine or the container gives.
  unsigned processors = 0;
  // Whether to go on, with a loud warning, where the bounds allow more at worst than
  // the machine has.
  bool over_budget = false;
  // Announce the table of the proof at start-up.
  bool show_proof = false;
  // Is given each line of the program's own news: addresses, the drain.
  std::function<void(std::string_view line)> announce;
  // A task of the caller's beside the gateway, from when it serves.
  std::function<core::task<>(GatewayParts parts)> beside;
  // Text at the top of the admin pages; empty: none. Any processor, several at once.
  std::function<std::string()> notice;
  // Reads the configuration again, on SIGHUP and on POST /-/reload. Empty: it stays as
  // it is. On a thread where it may block.
  std::function<Parsed()> load;
};

// The signals must be blocked in the calling thread before it starts others.
// The exit code: 0 after a drain, also one that had to cut off what was late;
// 2 when an address cannot be resolved or listened on, or the bounds allow more
// than the machine has, which is announced; 130
// after a second signal.
int run_gateway(const GatewayConfig& config, const GatewayRunOptions& options);

}  // namespace weir::service

// All proxies of a scenario, as a target of its faults.
//
//   auto bound = Proxies::bind(scenario, 2);              // before there is a runtime
//   if (!bound) return say(bound.error());
//   Proxies proxies(scenario, *bound, {});
//   scope.spawn(std::move(permit), proxies.serve(scope.context()));
//   record = co_await play(context, scenario, [&](const Event&) { return &proxies; });
//   proxies.drain();
//
// Any task calls on(), off() and drain(); any thread reads.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/chaos/fault_tally.h"
#include "weir/chaos/proxy.h"
#include "weir/chaos/scenario.h"
#include "weir/chaos/scenario_run.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/net/address.h"

namespace weir::chaos {

// A proxy's sockets, which listen already. serve() takes them over.
struct BoundProxy {
  std::vector<int> sockets;
  net::SocketAddress local;  // with the port that it got
  net::SocketAddress upstream;
};

class Proxies final : public FaultTarget {
 public:
  struct Options {
    std::uint32_t connections_max = 1000;  // of each proxy
  };

  // Resolves the addresses and listens, with so many sockets for each proxy; at
  // best one for each processor. Blocks for as long as the resolver does. The
  // error is for people, and no socket is left open then.
  static std::expected<std::vector<BoundProxy>, std::string> bind(const Scenario& scenario, unsigned sockets);

  // The scenario outlives it.
  Proxies(const Scenario& scenario, std::vector<BoundProxy> bound, const Options& options);

  // Accepts until drain() or the end of `context`, and returns when every
  // connection has ended. Once. Errors: Proxy::serve()'s. Cancellation:
  // connections are cut off.
  core::task<Result<>> serve(core::Context& context);

  // Ends every fault, and nothing more is accepted; what is open goes on.
  void drain();

  // `event` is one of the scenario's, at a proxy. They do not wait, and do not fail.
  core::task<Result<>> on(core::Context& context, const Event& event) override;
  core::task<FaultCounts> off(const Event& event) override;

  std::size_t size() const { return proxies_.size(); }
  Proxy::Stats stats(std::size_t proxy) const { return proxies_[proxy]->stats(); }
  // Of all together.
  Proxy::Stats stats() const;
  // Of the scenario's event of this number.
  FaultFigures figures(std::size_t event) const { return tallies_[event]->figures(); }

 private:
  std::size_t number_of(const Event& event) const;
  Proxy& target_of(const Event& event);

  const Scenario& scenario_;
  const std::vector<BoundProxy> bound_;
  std::vector<std::unique_ptr<FaultTally>> tallies_;  // of each event
  std::vector<std::unique_ptr<Proxy>> proxies_;
};

}  // namespace weir::chaos

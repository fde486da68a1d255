// `weir serve --chaos FILE`: a scenario of faults that is played inside the gateway's
// process, proxies of the file included.
//
//   auto chaos = ServeChaos::load("slow.yaml", processors);
//   if (!chaos) return kUsage;                      // what is wrong is on stderr
//   run_gateway(config, {.beside = [&](service::GatewayParts parts) { return chaos->run(parts); },
//                        .notice = [&] { return chaos->notice(); }});
//
// Everything of it is said on stderr; nothing of it is left when the scenario is
// over or the drain begins. The proxies stay, without faults, because the gateway may
// have its upstreams behind them.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "weir/chaos/proxies.h"
#include "weir/chaos/scenario.h"
#include "weir/chaos/scenario_run.h"
#include "weir/core/task.h"
#include "weir/service/gateway_server.h"

namespace weir::tools {

class ServeChaos {
 public:
  // Reads the file, and listens where its proxies do. Null: it cannot be played here,
  // which has been said on stderr.
  static std::unique_ptr<ServeChaos> load(const std::string& file, unsigned processors);

  // Says what is going to happen. Before run().
  void announce() const;

  core::task<> run(service::GatewayParts parts);

  // For the admin pages: what is in now. Empty once the scenario is over. Any thread.
  std::string notice() const;

 private:
  ServeChaos(std::string file, chaos::Scenario scenario)
      : file_(std::move(file)), scenario_(std::move(scenario)) {}

  core::task<> play(service::GatewayParts parts);
  core::task<> serve_proxies(core::Context& context);
  void note(const chaos::EventRecord& record);

  // Constant after load().
  const std::string file_;
  const chaos::Scenario scenario_;
  std::vector<chaos::BoundProxy> bound_;
  std::optional<chaos::Proxies> proxies_;  // none where the file has none

  mutable std::mutex mutex_;       // guards the two below
  std::multiset<std::string> in_;  // the faults that are in now, as describe() has them
  bool playing_ = true;
};

}  // namespace weir::tools

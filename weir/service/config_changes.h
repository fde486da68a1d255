// What is different between two configurations, key by key: what a reload would do,
// and what it cannot do while the gateway runs.
//
//   for (const ConfigChange& change : config_changes(running, read)) print(change.text());
//
//   bounds.inflight.limit: 200 -> 300
//   listen: 127.0.0.1:8080 -> 127.0.0.1:8081 (needs a restart)
//
// A pure function; callable from any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "weir/service/config.h"

namespace weir::service {

struct ConfigChange {
  std::string key;       // as messages write it: "upstreams.catalog.timeout"
  std::string from, to;  // as in a file; "none" where there is none
  bool moves = false;    // takes effect while the gateway runs

  std::string text() const;
};

// In the order of the keys in keys.h. Upstreams are told apart by their names.
std::vector<ConfigChange> config_changes(const GatewayConfig& from, const GatewayConfig& to);

// The same for people, a line each; empty where nothing changes.
std::string to_text(std::span<const ConfigChange> changes);

}  // namespace weir::service

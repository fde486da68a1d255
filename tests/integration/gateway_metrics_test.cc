// docs/metrics.md against what /metrics has, with everything declared.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"
#include "weir/testing/certificates.h"

namespace weir::testing {
namespace {

// The names behind "# TYPE ".
std::set<std::string> exposed(const std::string& page) {
  std::set<std::string> names;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    const std::string rest = line.substr(7);
    names.insert(rest.substr(0, rest.find(' ')));
  }
  return names;
}

// Rows begin with "| `name{labels}` |" or "| `name` |".
std::set<std::string> documented() {
  std::set<std::string> names;
  std::ifstream lines("docs/metrics.md");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("| `")) names.insert(line.substr(3, line.find_first_of("`{", 3) - 3));
  }
  return names;
}

TEST(GatewayMetrics, AreThoseOfTheDocument) {
  BadUpstream upstream([](BadUpstream::Peer& peer) { peer.serve(ok("done")); });
  const std::string url = "http://" + upstream.address().to_string();
  CertificateAuthority authority;
  const auto issued = authority.issue({});
  const GatewayProcess gateway(
      "service: edge\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\ntls: { listen: \"127.0.0.1:0\", certificates: "
      "[ "
      "{ cert: \"" +
      issued.chain_file + "\", key: \"" + issued.key_file +
      "\" } ] }\nbounds:\n"
      "  inflight: { limit: 10, queue: { depth: 10 }, limiter: queue_delay }\n"
      "  tenant: { key: \"header:X-T\", inflight: 5, rate: { limit: 5 } }\n"
      "  caller: { key: \"header:X-C\", rate: { limit: 5 } }\n"
      "  tiers: { default: all, all: { all: { share: 1 } } }\n"
      "  priority: { key: \"header:X-P\" }\n  memory: { limit: 4GiB }\nupstreams:\n"
      "  u: { url: \"" +
      url +
      "\", inflight: 5, limiter: {}, defer: {}, retry: {}, breaker: {}, hedge: {}, throttle: {}, cache: { "
      "fresh_for: 1s }, health: { path: / } }\n"
      "routes:\n  - { match: /, upstream: u, shadow: { upstream: u } }\n"
      "  - { path: /page, compose: { parts: { a: { upstream: u, path: /a } } } }\naccess_log: { path: "
      "/dev/null }\n");
  // What frames take is measured when somebody looks.
  EXPECT_EQ(gateway.page("/debug/bounds").status, 200);
  const std::set<std::string> there = exposed(gateway.page("/metrics").body);
  const std::set<std::string> described = documented();
  for (const std::string& name : there) EXPECT_TRUE(described.contains(name)) << name << " has no row";
  for (const std::string& name : described) EXPECT_TRUE(there.contains(name)) << name << " is not exposed";
}

}  // namespace
}  // namespace weir::testing

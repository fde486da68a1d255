// Bounds files for tests: what a test is about is said, the rest is filled in.
//
//   BoundsFile file{.inflight = "limit: 2", .upstreams = {{"slow", upstream.address()}}};
//   GatewayProcess gateway(file);          // GET /slow/... goes there
#pragma once

#include <string>
#include <vector>

#include "weir/net/address.h"

namespace weir::testing {

struct UpstreamLine {
  UpstreamLine(std::string upstream_name, const net::SocketAddress& address,
               std::string upstream_values = "inflight: 50, timeout: 60s");
  UpstreamLine(std::string upstream_name, std::string upstream_url,
               std::string upstream_values = "inflight: 50, timeout: 60s");

  std::string name;  // it gets the paths that begin with /<name>/
  std::string url;
  std::string values;  // of its map, `url` left out
};

struct BoundsFile {
  std::string inflight = "limit: 200";  // the values of bounds.inflight
  std::string tenant = {};              // and of bounds.tenant; empty: there is none
  std::vector<UpstreamLine> upstreams;
  std::string server = {};       // the values of `server`; empty: left out
  std::string drain = {};        // and of `drain`
  std::string more_bounds = {};  // of `bounds`, lines indented by two

  std::string text() const;
};

}  // namespace weir::testing

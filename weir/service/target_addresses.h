// Where the targets of a configuration are.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <vector>

#include "weir/net/address.h"
#include "weir/service/config.h"

namespace weir::service {

class TargetAddresses {
 public:
  // Resolves the names of all targets; blocks. Those that are embedded are where
  // `embedded` says. Error: a line for each that has no address.
  static std::expected<TargetAddresses, std::vector<std::string>> resolve(const GatewayConfig& config,
                                                                          const net::SocketAddress& embedded);

  // All that its name had then, at least one. WEIR_CHECKs that it is there.
  const std::vector<net::SocketAddress>& at(const UpstreamUrl& url) const;

 private:
  std::map<std::string, std::vector<net::SocketAddress>, std::less<>> of_;
};

bool has_embedded_target(const GatewayConfig& config);

}  // namespace weir::service

// A service's options, looked at before anything is made of them.
#pragma once

#include <expected>
#include <string>

#include "weir/service/config.h"
#include "weir/service/service.h"

namespace weir::service {

// As the parts of a gateway want them. Errors: every mistake, by the option's name.
std::expected<GatewayConfig, std::string> check_options(const Service::Options& options);

}  // namespace weir::service

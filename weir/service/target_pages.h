// What metrics and /debug/targets say of targets: what is inside, which are left alone
// and why, what checks have come to.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "weir/observe/exposition.h"
#include "weir/service/targets.h"
#include "weir/service/upstream.h"

namespace weir::service {

void expose_targets(const std::string& upstream, const TargetSet& set, observe::Exposition& page);

// {"upstreams": [{"name": "catalog", "targets": [{"url": "http://10.0.0.7:9001", ...
std::string targets_json(const std::vector<std::shared_ptr<Upstream>>& upstreams);

}  // namespace weir::service

// For this room's tests: what `body` starts runs in virtual time on three processors,
// in the order of a seed. WEIR_CHECKs that nothing of it failed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "weir/base/check.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"

namespace weir::bounds::internal {

inline void simulate(std::uint64_t seed, std::function<core::task<>(core::Scope&)> body) {
  core::Simulation simulation({.seed = seed});
  core::Runtime runtime({.processors = 3, .simulation = &simulation});
  const Result<> done = runtime.run([&](core::Scope& root) { return body(root); });
  WEIR_CHECK(done, ("seed " + std::to_string(seed)).c_str());
}

}  // namespace weir::bounds::internal

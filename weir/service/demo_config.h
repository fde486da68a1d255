// The bounds file that `weir serve` starts with when it is given none, and that
// `weir serve --print-config` prints: a file to learn from and to begin with.
#pragma once

#include <string_view>

namespace weir::service {

// What messages call it.
inline constexpr std::string_view kDemoConfigName = "demo";

// Its text. It passes `weir check` without a warning, and its one upstream is the
// one built into `weir serve`, so that it runs on a bare machine.
std::string_view demo_config();

}  // namespace weir::service

// The scenarios every limiter is judged by, and the page that comes of them
// (docs/limiters.md).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "weir/admission/internal/simulated_server.h"

namespace weir::admission::internal {

struct Scenario {
  const char* name;
  const char* what;
  Plan plan;
  // What is judged: from when, until when, and what the server can do meanwhile.
  Duration from = {};
  Duration to = {};
  double capacity = 0;  // completions per second
  // Settled means: nothing refused and none slower than this. 0: it means nine
  // tenths of what is possible.
  Duration normal = {};
};

struct Verdict {
  double goodput = 0;  // served in time, of min(arrivals, capacity)
  Duration p99 = {};   // of what was served, from arrival
  std::optional<Duration> settled = {};
  std::uint32_t limit = 0;  // at the end
  std::uint32_t limit_min = 0;
};

struct Contestant {
  const char* name;
  std::unique_ptr<Limiter> (*make)();
};

std::span<const Scenario> scenarios();
// The default one is the first.
std::span<const Contestant> contestants();

Verdict judge(const Scenario& scenario, const Record& record);
Verdict run(const Scenario& scenario, const Contestant& contestant);

// Markdown.
std::string limiters_page();

}  // namespace weir::admission::internal

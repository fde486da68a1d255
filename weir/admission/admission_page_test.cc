// docs/admission.md: the whole admission under loads of the scenarios, with each
// limiter in its place.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "weir/admission/internal/admission_rig.h"
#include "weir/admission/internal/scenarios.h"
#include "weir/base/units.h"

namespace weir::admission::internal {
namespace {

struct Load {
  const char* name;
  const char* what;
  RigPlan plan;
  double capacity;  // units a second
  Duration from;    // what is judged
  Duration to;
};

std::vector<Load> loads() {
  return {
      {"queue",
       "1,000/s into one server of 500/s.",
       {.servers = 1, .service = 2ms, .streams = {{.rate = 1000, .to = 10s}}},
       500,
       {},
       10s},
      {"cold start",
       "50,000/s from the first instant into 100 servers of 10 ms.",
       {.servers = 100, .service = 10ms, .streams = {{.rate = 50'000, .to = 2s, .tenants = 100}}},
       10'000,
       100ms,
       2s},
      {"top class",
       "critical requests at half of what 10 servers of 10 ms can do, normal ones at twice that, sheddable "
       "ones at "
       "two and a half times.",
       {.servers = 10,
        .service = 10ms,
        .streams = {{.priority = Criticality::critical, .rate = 500, .to = 20s, .tenant = "c", .tenants = 50},
                    {.priority = Criticality::normal, .rate = 2000, .to = 20s, .tenants = 50},
                    {.priority = Criticality::sheddable, .rate = 2500, .to = 20s, .tenants = 50}}},
       1000,
       1s,
       20s},
      {"after a storm",
       "800/s with three retries each and 200 ms of patience; 10 servers whose work takes 50 ms instead of "
       "10 from "
       "the 10th to the 20th second; judged from the 21st.",
       {.servers = 10,
        .service = 10ms,
        .services = {{.from = 10s, .service = 50ms}, {.from = 20s, .service = 10ms}},
        .streams =
            {{.rate = 800, .to = 40s, .tenants = 50, .patience = 200ms, .gives_up = 200ms, .retries = 3}}},
       800,
       21s,
       40s},
  };
}

std::string percent(double share) {
  std::ostringstream text;
  text.precision(1);
  text << std::fixed << 100 * share << "%";
  return text.str();
}

std::string row(const Load& load, const Contestant& contestant) {
  RigPlan plan = load.plan;
  plan.limiter = contestant.make;
  const RigRecord record = run(plan);
  const auto good = std::ranges::count_if(record.outcomes, [&](const RigOutcome& each) {
    return each.end == End::good && each.ended >= load.from && each.ended < load.to;
  });
  const double goodput = static_cast<double>(good) / seconds(load.to - load.from) / load.capacity;
  const std::uint64_t arrived = record.arrived(0, load.from, load.to);
  const double first =
      static_cast<double>(record.count(End::good, 0, load.from, load.to)) / static_cast<double>(arrived);
  return std::string("| ") + contestant.name + " | " + percent(goodput) + " | " + percent(first) + " | " +
         std::to_string(record.quantile(0.99, load.from, load.to) / 1ms) + " ms | " +
         std::to_string(record.stats.limit) + " |\n";
}

std::string page() {
  std::string text =
      "# Admission, with each limiter\n\n"
      "Generated: `WEIR_WRITE_DOCS=1 ctest -R AdmissionPage` writes it, and without the variable the same "
      "test\n"
      "checks that it is what the code gives. The whole decision as it runs (queue, priorities, shedding; "
      "defaults),\n"
      "in virtual time, with one limiter after the other in its place. Why it is as it is:\n"
      "`docs/design/admission.md`; limiters by themselves: `docs/limiters.md`.\n\n"
      "Goodput is what was served in time, of what was possible. First class: what was served in time of "
      "the\n"
      "requests of the load's most important class. p99 is of what was served, from its arrival. The limit "
      "is the\n"
      "last one.\n";
  for (const Load& load : loads()) {
    text += std::string("\n## ") + load.name + "\n" + load.what +
            "\n\n| limiter | goodput | first class | p99 | limit |\n|---|---|---|---|---|\n";
    for (const Contestant& contestant : contestants()) text += row(load, contestant);
  }
  return text;
}

TEST(AdmissionPage, IsWhatTheScenariosGive) {
  const char* path = "docs/admission.md";
  const std::string now = page();
  if (std::getenv("WEIR_WRITE_DOCS") != nullptr) std::ofstream(path) << now;
  std::ifstream file(path);
  ASSERT_TRUE(file) << "tests run at the root of the tree";
  std::stringstream written;
  written << file.rdbuf();
  EXPECT_EQ(written.str(), now) << "WEIR_WRITE_DOCS=1 writes it anew";
}

}  // namespace
}  // namespace weir::admission::internal

// A nightly job: a report for each customer, never more at once than the database
// has connections for, and what fails is one report and not the night.
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/bounds/fan_out.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

using namespace weir;

core::task<Result<std::string>> make_report(core::Context& context, const std::string& customer) {
  if (Result<> queried = co_await core::sleep_for(context, 10ms); !queried)
    co_return std::unexpected(queried.error());
  if (customer == "customer 1234") throw std::runtime_error("a division by zero");
  co_return "report of " + customer;
}

int main() {
  std::vector<std::string> customers;
  for (int i = 0; i < 10'000; ++i) customers.push_back("customer " + std::to_string(i));
  bounds::Ledger ledger;
  bounds::Bound database(ledger, {.name = "database", .limit = 50, .because = "50 connections"});
  core::Runtime runtime({});
  const Result<> done = runtime.run([&](core::Scope& root) -> core::task<> {
    const bounds::FanOut<std::string> reports =
        co_await bounds::fan_out(root.context(), customers, database, make_report, {.timeout = 30s});
    std::printf("%zu reports, %llu failed\n", reports.results.size(),
                static_cast<unsigned long long>(reports.failed));
    for (std::size_t i = 0; i < reports.results.size(); ++i) {
      if (!reports.results[i])
        std::printf("%s: %s\n", customers[i].c_str(), reports.results[i].error().message().c_str());
    }
  });
  return done ? 0 : 1;
}

// Polls many endpoints every two seconds: bounded in number, in time, and no
// round ever overlaps the next. Runs three rounds.
#include <cstdio>
#include <ranges>

#include "weir/bounds/bound.h"
#include "weir/bounds/every.h"
#include "weir/bounds/fan_out.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

using namespace weir;

core::task<Result<>> poll(core::Context& context, int endpoint) {
  // One in a thousand never answers.
  co_return co_await core::sleep_for(context, endpoint % 1000 == 0 ? Duration(1h) : Duration(20ms));
}

int main() {
  bounds::Ledger ledger;
  bounds::Bound polls(ledger, {.name = "polls", .limit = 200, .because = "sockets for 200"});
  bounds::FanOutStats endpoints("endpoints");
  core::Runtime runtime({});
  const Result<> done = runtime.run([&](core::Scope& root) -> core::task<> {
    core::Context three_rounds(root.context(), core::now() + 5s);
    const Result<> ended = co_await bounds::every(
        three_rounds, {.period = 2s, .timeout = 1500ms}, [&](core::Context& round) -> core::task<Result<>> {
          const auto polled = co_await bounds::fan_out(round, std::views::iota(0, 5000), polls, poll,
                                                       {.timeout = 500ms, .stats = &endpoints});
          std::printf("%zu polled, %llu failed\n", polled.results.size(),
                      static_cast<unsigned long long>(polled.failed));
          co_return polled.ended;
        });
    std::printf("ended: %s\n", ended ? "no" : ended.error().message().c_str());
  });
  const bounds::FanOutStats::Counts counts = endpoints.counts();
  std::printf("ok %llu, timeout %llu, p99 %.1f ms, at most %llu at once\n",
              static_cast<unsigned long long>(counts.ok), static_cast<unsigned long long>(counts.timeout),
              milliseconds(endpoints.durations().quantile(0.99)),
              static_cast<unsigned long long>(polls.stats().peak));
  return done ? 0 : 1;
}

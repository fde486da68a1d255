// Log lines to an aggregator: logging never waits, one worker ships in batches,
// and what there is no room for is dropped and counted.
#include <cstdio>
#include <string>
#include <vector>

#include "weir/bounds/batcher.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

using namespace weir;

core::task<Result<>> ship(core::Context& context, std::vector<std::string>&) {
  co_return co_await core::sleep_for(context, 5ms);  // the aggregator takes its time
}

int main() {
  bounds::Batcher<std::string> lines({.capacity = 10'000, .batch_max = 500, .age_max = 100ms});
  core::Limit tasks({.name = "shipper", .limit = 1});
  core::Runtime runtime({});
  const Result<> done = runtime.run([&](core::Scope& root) -> core::task<> {
    root.spawn(std::move(*tasks.try_acquire()), lines.run(root.context(), ship));
    for (int second = 0; second < 10; ++second) {
      for (int i = 0; i < 20'000; ++i) static_cast<void>(lines.put("a line of a chatty service"));
      co_await core::sleep_for(root.context(), 100ms);
    }
    const bounds::BatcherStats stats = co_await lines.drain(core::now() + 2s);
    std::printf(
        "%llu shipped in %llu batches, %llu dropped, %llu failed\n",
        static_cast<unsigned long long>(stats.shipped), static_cast<unsigned long long>(stats.batches),
        static_cast<unsigned long long>(stats.dropped), static_cast<unsigned long long>(stats.failed));
  });
  return done ? 0 : 1;
}

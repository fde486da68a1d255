// Events to subscribers, each behind a queue of its own with one worker: one that
// is stuck loses its own events and holds up nobody.
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/bounds/stream.h"
#include "weir/bounds/subscribers.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

using namespace weir;

using Event = std::shared_ptr<const std::string>;
using Events = bounds::Subscribers<Event>;

core::task<> serve(core::Context& context, Events::Handle mine, core::Limit& workers, Duration takes) {
  const auto deliver = [takes](core::Context& of, Event) -> core::task<Result<>> {
    co_return co_await core::sleep_for(of, takes);
  };
  static_cast<void>(
      co_await bounds::for_each_bounded(context, mine->queue(), workers, deliver, {.limit = 1}));
}

int main() {
  bounds::Ledger ledger;
  bounds::Bound workers(ledger, {.name = "deliveries", .limit = 12, .because = "one for each subscriber"});
  core::Limit tasks({.name = "subscribers", .limit = 12});
  Events events({.subscribers_max = 12});
  core::Runtime runtime({});
  const Result<> done = runtime.run([&](core::Scope& root) -> core::task<> {
    std::vector<Events::Handle> all;
    for (int i = 0; i < 12; ++i) {
      all.push_back(*events.subscribe({.name = "subscriber " + std::to_string(i),
                                       .capacity = 1024,
                                       .when_full = bounds::WhenFull::drop_oldest}));
      root.spawn(std::move(*tasks.try_acquire()),
                 serve(root.context(), all.back(), workers, i == 3 ? Duration(1h) : Duration(10us)));
    }
    for (int i = 0; i < 5000; ++i) {
      co_await events.publish(root.context(), std::make_shared<const std::string>("event"));
      if (i % 10 == 0) co_await core::sleep_for(root.context(), 2ms);
    }
    for (const Events::Handle& each : all) {
      const bounds::SubscriptionStats stats = each->stats();
      std::printf("%-14s %llu queued, %llu dropped\n", each->options().name.c_str(),
                  static_cast<unsigned long long>(stats.queued),
                  static_cast<unsigned long long>(stats.dropped));
    }
    events.close();
    root.cancel();  // the one that is stuck
  });
  return done ? 0 : 1;
}

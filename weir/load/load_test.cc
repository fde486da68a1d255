// Load runs over real sockets, against a server in the same runtime.
#include "weir/load/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <numeric>
#include <string>
#include <utility>

#include "weir/core/runtime.h"
#include "weir/core/sleep.h"
#include "weir/http/server.h"
#include "weir/load/internal/testing.h"
#include "weir/net/listener.h"

namespace weir::load {
namespace {

using testing::HasSubstr;

using Outcome = std::expected<LoadResult, std::string>;
using Handle = std::function<core::task<>(http::Exchange&)>;

class Handler final : public http::Handler {
 public:
  explicit Handler(Handle handle) : handle_(std::move(handle)) {}
  core::task<void> handle(http::Exchange& exchange) override { return handle_(exchange); }

 private:
  const Handle handle_;
};

core::task<> say_ok(http::Exchange& exchange) {
  (void)co_await exchange.respond(exchange.reply_head(), "ok");
}

core::task<> say_nothing(http::Exchange& exchange) {
  EXPECT_FALSE(co_await core::sleep_for(exchange.context(), 1h));
}

LoadOptions options_for(const char* rate, Duration length) {
  LoadOptions options{.authority = "test", .mix = RequestMix({{.name = "all"}}), .timeout = 30s};
  options.mix = RequestMix({{.name = "all", .target = TemplateText::parse("/").value()}});
  options.plan = Arrivals(RateProfile::parse(rate, length).value(), Spacing::even, 1);
  return options;
}

// A run against a server that handles requests so. `on_second` may cancel it.
Outcome run_against(Handle handle, LoadOptions options,
                    std::function<void(const LoadInterval&, core::Context&)> on_second = {}) {
  Handler handler(std::move(handle));
  Outcome outcome = std::unexpected("did not run");
  internal::with_server(handler, [&](core::Context& parent, const net::SocketAddress& at) -> core::task<> {
    options.target = at;
    core::Context context(parent);
    outcome = co_await run_load(context, std::move(options), [&](const LoadInterval& interval) {
      if (on_second) on_second(interval, context);
    });
  });
  return outcome;
}

TEST(LoadRun, EveryRequestOfThePlanIsSentOnceAndCounted) {
  std::mutex lock;
  std::vector<std::string> targets;
  LoadOptions options = options_for("400", 500ms);
  options.mix = RequestMix({{.name = "all", .target = TemplateText::parse("/{{n}}").value()}});
  const Outcome outcome = run_against(
      [&](http::Exchange& exchange) -> core::task<> {
        {
          const std::lock_guard guard(lock);
          targets.push_back(exchange.request().target);
        }
        return say_ok(exchange);
      },
      options);
  ASSERT_TRUE(outcome) << outcome.error();
  const LoadCounts& counts = outcome->counts;
  EXPECT_EQ(counts.due(), 200u);
  EXPECT_EQ(counts.sent, 200u);
  EXPECT_EQ(counts.not_sent, 0u);
  EXPECT_EQ(counts.all.count(LoadClass::good), 200u);
  EXPECT_EQ(counts.statuses[200], 200u);
  EXPECT_EQ(counts.bytes_received, 400u);
  EXPECT_EQ(counts.service.count(), 200u);
  EXPECT_EQ(counts.lag.count(), 200u);
  EXPECT_FALSE(outcome->interrupted);
  EXPECT_EQ(outcome->measured, 500ms);
  std::ranges::sort(targets);
  EXPECT_EQ(std::ranges::unique(targets).size(), 0u);
  EXPECT_EQ(targets.size(), 200u);
  // Latency begins when a request is due, and that is not after it was sent.
  EXPECT_GE(counts.all.whole().sum(), counts.service.sum());
}

TEST(LoadRun, RepliesAreCountedByStatusAndClass) {
  LoadOptions options = options_for("400", 500ms);
  options.mix = RequestMix({{.name = "all", .target = TemplateText::parse("/{{n}}").value()}});
  const Outcome outcome = run_against(
      [&](http::Exchange& exchange) -> core::task<> {
        constexpr std::array kStatuses{200, 302, 404, 429, 503};
        const auto number = std::stoul(exchange.request().target.substr(1));
        (void)co_await exchange.respond({.status = kStatuses[number % kStatuses.size()]}, "ok");
      },
      options);
  ASSERT_TRUE(outcome) << outcome.error();
  const LoadCounts& counts = outcome->counts;
  for (const std::size_t status : {200u, 302u, 404u, 429u, 503u}) EXPECT_EQ(counts.statuses[status], 40u);
  EXPECT_EQ(counts.all.count(LoadClass::good), 80u);
  EXPECT_EQ(counts.all.count(LoadClass::refused), 80u);
  EXPECT_EQ(counts.all.count(LoadClass::failed), 40u);
  EXPECT_EQ(counts.all.whole().count(), 200u);
}

TEST(LoadRun, ARequestThatIsNeverAnsweredIsALatencyOfItsTimeout) {
  LoadOptions options = options_for("100", 200ms);
  options.timeout = 300ms;
  const Outcome outcome = run_against(say_nothing, options);
  ASSERT_TRUE(outcome) << outcome.error();
  const LoadCounts& counts = outcome->counts;
  EXPECT_EQ(counts.sent, 20u);
  EXPECT_EQ(counts.reasons[static_cast<std::size_t>(Reason::timed_out)], 20u);
  EXPECT_EQ(counts.all.count(LoadClass::failed), 20u);
  EXPECT_GE(counts.all.whole().min(), 300ms);
}

TEST(LoadRun, WhatWouldExceedTheBoundIsNotSentAndNotPutOff) {
  LoadOptions options = options_for("100", 200ms);
  options.inflight_max = 1;
  options.timeout = 1s;
  const Outcome outcome = run_against(say_nothing, options);
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(outcome->counts.sent, 1u);
  EXPECT_EQ(outcome->counts.not_sent, 19u);
  EXPECT_FALSE(outcome->plan_held());
}

TEST(LoadRun, AConnectionThatIsCutOffIsAFailure) {
  const Outcome outcome = run_against(
      [](http::Exchange& exchange) -> core::task<> {
        exchange.abort();
        co_return;
      },
      options_for("100", 100ms));
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(outcome->counts.all.count(LoadClass::failed), 10u);
  EXPECT_EQ(outcome->counts.reasons[static_cast<std::size_t>(Reason::reset)] +
                outcome->counts.reasons[static_cast<std::size_t>(Reason::closed)],
            10u);
}

TEST(LoadRun, WhatIsDueInTheWarmUpIsSentAndNotCounted) {
  std::atomic<int> asked = 0;
  LoadOptions options = options_for("100", 400ms);
  options.warm_up = 200ms;
  const Outcome outcome = run_against(
      [&](http::Exchange& exchange) -> core::task<> {
        ++asked;
        return say_ok(exchange);
      },
      options);
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(asked, 40);
  EXPECT_EQ(outcome->counts.due(), 20u);
  EXPECT_EQ(outcome->counts.all.whole().count(), 20u);
  EXPECT_EQ(outcome->measured, 200ms);
  ASSERT_FALSE(outcome->intervals.empty());
  EXPECT_TRUE(outcome->intervals.front().warm_up);
  EXPECT_FALSE(outcome->intervals.back().warm_up);
}

TEST(LoadRun, IntervalsAreAsFineAsAskedFor) {
  LoadOptions options = options_for("200", 300ms);
  options.interval = 50ms;
  const Outcome outcome = run_against(say_ok, options);
  ASSERT_TRUE(outcome) << outcome.error();
  ASSERT_GE(outcome->intervals.size(), 6u);
  // The last one ends with the last request.
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(outcome->intervals[i].at, (i + 1) * 50ms);
  options.interval = 9ms;
  EXPECT_FALSE(run_against(say_ok, options));
}

TEST(LoadRun, SecondsAddUpToTheWhole) {
  const Outcome outcome = run_against(say_ok, options_for("200", 1500ms));
  ASSERT_TRUE(outcome) << outcome.error();
  ASSERT_GE(outcome->intervals.size(), 2u);
  std::uint64_t sent = 0;
  std::uint64_t good = 0;
  Duration span{};
  for (const LoadInterval& second : outcome->intervals) {
    sent += second.sent;
    good += second.ended[0];
    span += second.span;
  }
  EXPECT_EQ(sent, 300u);
  EXPECT_EQ(good, 300u);
  EXPECT_EQ(span, outcome->intervals.back().at);
}

TEST(LoadRun, KindsAreSentByTheirWeightsWithFieldsAndBody) {
  std::mutex lock;
  std::vector<std::string> bodies;
  LoadOptions options = options_for("1000", 1s);
  options.mix = RequestMix({{.name = "read", .weight = 3, .target = TemplateText::parse("/read").value()},
                            {.name = "write",
                             .weight = 1,
                             .method = "POST",
                             .target = TemplateText::parse("/write").value(),
                             .headers = {{"X-Number", TemplateText::parse("{{random:7..7}}").value()}},
                             .body = TemplateText::parse("seven").value()}});
  const Outcome outcome = run_against(
      [&](http::Exchange& exchange) -> core::task<> {
        if (exchange.request().method == "POST") {
          const auto body = co_await exchange.body().next(exchange.context());
          EXPECT_TRUE(body);
          EXPECT_EQ(exchange.request().headers.get("x-number"), "7");
          const std::lock_guard guard(lock);
          bodies.emplace_back(reinterpret_cast<const char*>(body->data()), body->size());
        }
        co_await say_ok(exchange);
      },
      options);
  ASSERT_TRUE(outcome) << outcome.error();
  const LoadCounts& counts = outcome->counts;
  const std::uint64_t writes = counts.groups[1].ended();
  EXPECT_EQ(counts.groups[0].ended() + writes, 1000u);
  EXPECT_NEAR(static_cast<double>(writes), 250, 70);  // five deviations; the seed is fixed
  EXPECT_EQ(bodies.size(), writes);
  EXPECT_THAT(bodies, testing::Each("seven"));
}

TEST(LoadRun, TenantsAreToldApart) {
  LoadOptions options = options_for("400", 500ms);
  options.mix =
      RequestMix({{.name = "all", .target = TemplateText::parse("/").value()}},
                 {{.name = "tenant", .header = "X-Tenant", .values = {{"good", 1}, {"greedy", 3}}}});
  const Outcome outcome = run_against(
      [](http::Exchange& exchange) -> core::task<> {
        const bool greedy = exchange.request().headers.get("x-tenant") == "greedy";
        (void)co_await exchange.respond({.status = greedy ? 429 : 200}, "ok");
      },
      options);
  ASSERT_TRUE(outcome) << outcome.error();
  const std::vector<LoadTally>& tenants = outcome->counts.groups;
  EXPECT_EQ(tenants[0].ended() + tenants[1].ended(), 200u);
  EXPECT_EQ(tenants[0].count(LoadClass::good), tenants[0].ended());
  EXPECT_EQ(tenants[1].count(LoadClass::refused), tenants[1].ended());
  EXPECT_GT(tenants[0].ended(), 0u);
  EXPECT_GT(tenants[1].ended(), tenants[0].ended());
}

TEST(LoadRun, AClosedLoopKeepsItsConnectionsBusyUntilTheEnd) {
  std::atomic<int> at_once = 0;
  std::atomic<int> most = 0;
  LoadOptions options = options_for("1", 1s);
  options.plan.reset();
  options.length = 300ms;
  options.connections = 5;
  const Outcome outcome = run_against(
      [&](http::Exchange& exchange) -> core::task<> {
        const int now = ++at_once;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        co_await core::yield();
        --at_once;
        co_await say_ok(exchange);
      },
      options);
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_LE(most, 5);
  EXPECT_EQ(outcome->connects, 5u);
  EXPECT_GT(outcome->counts.sent, 5u);
  EXPECT_EQ(outcome->counts.all.count(LoadClass::good), outcome->counts.sent);
}

TEST(LoadRun, ConnectionsAreOpenBeforeTheFirstRequest) {
  LoadOptions options = options_for("20", 500ms);
  options.open_ahead = 25;
  const Outcome outcome = run_against(say_ok, options);
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(outcome->counts.all.count(LoadClass::good), 10u);
  EXPECT_EQ(outcome->connects, 25u);
}

TEST(LoadRun, NoMoreConnectionsAreOpenedAheadThanRequestsMayBeInFlight) {
  LoadOptions options = options_for("20", 500ms);
  options.open_ahead = 25;
  options.inflight_max = 4;
  const Outcome outcome = run_against(say_ok, options);
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_EQ(outcome->connects, 4u);
}

TEST(LoadRun, CancelledItTellsWhatWasMeasured) {
  LoadOptions options = options_for("50", 1min);
  const Outcome outcome =
      run_against(say_nothing, options, [](const LoadInterval& second, core::Context& context) {
        if (second.sent > 0) context.cancel();
      });
  ASSERT_TRUE(outcome) << outcome.error();
  EXPECT_TRUE(outcome->interrupted);
  EXPECT_GT(outcome->counts.sent, 0u);
  EXPECT_EQ(outcome->unfinished, outcome->counts.sent);
  EXPECT_LT(outcome->measured, 1min);
}

TEST(LoadRun, WhatCannotRunIsRefusedBeforeItStarts) {
  const auto refusal = [](LoadOptions options) {
    const Outcome outcome = run_against(say_ok, std::move(options));
    EXPECT_FALSE(outcome);
    return outcome ? "" : outcome.error();
  };
  LoadOptions greedy = options_for("1", 1s);
  greedy.inflight_max = 4'000'000'000;
  EXPECT_THAT(refusal(greedy), HasSubstr("4000000000 requests in flight take as many descriptors"));
  LoadOptions warm = options_for("1", 1s);
  warm.warm_up = 1s;
  EXPECT_THAT(refusal(warm), HasSubstr("warm-up leaves nothing"));
}

TEST(LoadRun, AServerThatIsNotThereIsSaidAtOnce) {
  core::Runtime runtime({.processors = 1});
  Outcome outcome = std::unexpected("did not run");
  LoadOptions options = options_for("1", 1h);
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    // A port that was free a moment ago, of an address nobody else uses.
    auto listeners = net::open_on_every_processor(net::SocketAddress::parse("127.0.7.7:0").value());
    EXPECT_TRUE(listeners);
    options.target = listeners->front().local();
    listeners->clear();
    outcome = co_await run_load(root.context(), options, {});
  }));
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error(), HasSubstr("cannot connect to 127.0.7.7:"));
  EXPECT_THAT(outcome.error(), HasSubstr("refused"));
}

}  // namespace
}  // namespace weir::load

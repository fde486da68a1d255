#include "weir/resilience/degrade.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"

namespace weir::resilience {
namespace {

using core::Context;
using core::Scope;
using core::task;

constexpr Error kOpen{.kind = ErrorKind::overloaded, .reason = Reason::breaker_open, .where = "pages"};
constexpr Error kFull{.kind = ErrorKind::overloaded, .reason = Reason::queue_full, .where = "inflight"};

class DegradeTest : public testing::Test {
 protected:
  using Pages = Ladder<std::string>;

  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root.context()); }));
  }
  // What is given for the error, as "what: value"; the error's reason where nothing is.
  task<> expect(Context& context, const Error& error, std::string what, std::string key = "front") {
    const auto given = co_await ladder_.answer(context, key, std::unexpected(error));
    EXPECT_EQ(given ? std::string(to_string(given->given)) + ": " + given->value
                    : std::string(weir::to_string(given.error().reason)),
              what);
  }
  task<Result<std::string>> headline(Context& context, std::string key) {
    if (const Result<> slept = co_await core::sleep_for(context, 10ms); !slept)
      co_return std::unexpected(slept.error());
    if (key == "lost") co_return fail(ErrorKind::disconnected);
    co_return "headline";
  }
  void declare_slow(core::Limit& limit) {
    ladder_.partial(limit,
                    [this](Context& context, const std::string& key) { return headline(context, key); });
  }

  core::Simulation simulation_{{.seed = 1}};
  core::Runtime runtime_{{.processors = 1, .simulation = &simulation_}};
  core::Limit parts_{{.name = "parts", .limit = 1}};
  Pages ladder_{{.name = "pages"}};
};

TEST_F(DegradeTest, WhatSucceededIsFreshAndNoRungIsAsked) {
  ladder_.fixed("sorry");
  run([&](Context& context) -> task<> {
    const auto given = co_await ladder_.answer(context, "front", std::string("page"));
    EXPECT_EQ(given->value, "page");
    EXPECT_EQ(given->given, Given::fresh);
  });
  EXPECT_EQ(ladder_.stats().given[0], 1u);
  EXPECT_EQ(ladder_.stats().rungs[0].asked, 0u);
}

TEST_F(DegradeTest, TheFirstRungThatHasSomethingGivesIt) {
  ladder_.stale([](const std::string& key, const Error&) -> std::optional<std::string> {
    if (key == "front") return "old";
    return std::nullopt;
  });
  declare_slow(parts_);
  ladder_.fixed("sorry");
  run([&](Context& context) -> task<> {
    co_await expect(context, kOpen, "stale: old");
    co_await expect(context, kOpen, "partial: headline", "other");
    co_await expect(context, kOpen, "static: sorry", "lost");
    const core::Permit held = std::move(*parts_.try_acquire());
    co_await expect(context, kOpen, "static: sorry", "other");
  });
  const LadderStats stats = ladder_.stats();
  EXPECT_THAT(stats.given, testing::ElementsAre(0, 1, 1, 2, 0));
  EXPECT_EQ(stats.rungs[0].asked, 4u);
  EXPECT_EQ(stats.rungs[0].gave, 1u);
  EXPECT_EQ(stats.rungs[1].refused, 1u);
  EXPECT_EQ(stats.rungs[1].asked, 3u);
}

TEST_F(DegradeTest, ARungIsForItsReasons) {
  ladder_.fixed("down", {Reason::breaker_open, Reason::throttled});
  ladder_.fixed("busy", {Reason::queue_full});
  run([&](Context& context) -> task<> {
    co_await expect(context, kOpen, "static: down");
    co_await expect(context, kFull, "static: busy");
    co_await expect(context, {.kind = ErrorKind::disconnected, .reason = Reason::reset}, "reset");
  });
  EXPECT_EQ(ladder_.stats().nothing, 1u);
  EXPECT_EQ(ladder_.stats().rungs[0].skipped, 2u);
}

TEST_F(DegradeTest, WhoIsGoneOrAsksTheWrongThingGetsNoSubstitute) {
  ladder_.fixed("sorry");
  run([&](Context& context) -> task<> {
    for (const ErrorKind kind : {ErrorKind::cancelled, ErrorKind::invalid, ErrorKind::unsupported})
      co_await expect(context, {.kind = kind, .reason = Reason::malformed}, "malformed");
    for (const ErrorKind kind : {ErrorKind::deadline, ErrorKind::disconnected, ErrorKind::internal})
      co_await expect(context, {.kind = kind, .reason = Reason::malformed}, "static: sorry");
  });
  EXPECT_EQ(ladder_.stats().passed, 3u);
}

}  // namespace
}  // namespace weir::resilience

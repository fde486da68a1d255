#include "weir/service/demo_upstream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "weir/service/internal/testing.h"

namespace weir::service {
namespace {

using testing::Answer;
using testing::ask;
using testing::ask_together;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using testing::request;

TEST(DemoPlan, WithoutAQueryItIsASmallAnswerAtOnce) {
  for (const char* target : {"/", "/demo", "/demo?", "*"}) {
    const auto plan = parse_demo_plan(target);
    ASSERT_TRUE(plan) << target;
    EXPECT_EQ(plan->latency, Duration::zero());
    EXPECT_EQ(plan->payload, Bytes{64});
    EXPECT_EQ(plan->failure_rate, 0);
    EXPECT_EQ(plan->capacity, 0U);
  }
}

TEST(DemoPlan, TheQuerySetsEachOfItsParts) {
  const auto plan = parse_demo_plan("/demo?ms=20&bytes=1024&fail=0.25&capacity=50");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->latency, 20ms);
  EXPECT_EQ(plan->payload, Bytes{1024});
  EXPECT_EQ(plan->failure_rate, 0.25);
  EXPECT_EQ(plan->capacity, 50U);
}

TEST(DemoPlan, ALatencyMayBeSpread) {
  EXPECT_FALSE(parse_demo_plan("/demo?ms=20")->exponential);
  EXPECT_TRUE(parse_demo_plan("/demo?ms=20&spread=exponential")->exponential);
  EXPECT_FALSE(parse_demo_plan("/demo?spread=normal"));
}

TEST(DemoPlan, TheEdgesAreAllowed) {
  EXPECT_TRUE(parse_demo_plan("/?ms=0&bytes=0&fail=0&capacity=1"));
  EXPECT_TRUE(parse_demo_plan("/?ms=60000&bytes=67108864&fail=1&capacity=100000"));
}

TEST(DemoPlan, WhatIsUnknownOrOutOfRangeIsNamed) {
  for (const char* bad : {"ms=60001", "ms=-1", "ms=", "ms", "ms=20x", "ms= 20", "bytes=67108865",
                          "bytes=99999999999999999999", "fail=1.01", "fail=-0.1", "fail=nan", "fail=inf",
                          "capacity=0", "capacity=100001", "colour=red", "=5", "MS=20"}) {
    const auto plan = parse_demo_plan(std::string("/demo?bytes=1&") + bad);
    ASSERT_FALSE(plan) << bad;
    EXPECT_THAT(plan.error(), HasSubstr("'" + std::string(bad) + "'"));
    EXPECT_THAT(plan.error(), HasSubstr("ms=0..60000"));
  }
}

TEST(DemoUpstream, AnswersEveryPathWithTheBytesAskedFor) {
  DemoUpstream demo;
  for (const std::size_t bytes : {0U, 1U, 1024U, 16'384U, 16'385U, 1'000'000U}) {
    const Answer answer = ask(demo, request("GET", "/any/path?bytes=" + std::to_string(bytes)));
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.complete);
    EXPECT_EQ(answer.body.size(), bytes);
    EXPECT_EQ(answer.headers.get("content-length"), std::to_string(bytes));
  }
}

TEST(DemoUpstream, AHeadHasTheLengthAndNoBody) {
  DemoUpstream demo;
  for (const char* bytes : {"1024", "1000000"}) {
    const Answer answer = ask(demo, request("HEAD", std::string("/?bytes=") + bytes));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(answer.headers.get("content-length"), bytes);
  }
}

TEST(DemoUpstream, TakesAsLongAsItIsAsked) {
  DemoUpstream demo;
  const TimePoint start = SystemClock::read();
  EXPECT_EQ(ask(demo, request("GET", "/?ms=30")).status, 200);
  EXPECT_GE(SystemClock::read() - start, 30ms);
}

TEST(DemoUpstream, FailsTheShareItIsAskedTo) {
  DemoUpstream demo;
  EXPECT_THAT(ask_together(demo, std::vector(20, request("GET", "/?fail=1"))),
              Each(Field(&Answer::status, 500)));
  EXPECT_THAT(ask_together(demo, std::vector(20, request("GET", "/?fail=0"))),
              Each(Field(&Answer::status, 200)));
  constexpr int kRequests = 400;
  const auto answers = ask_together(demo, std::vector(kRequests, request("GET", "/?fail=0.25")));
  // Drawn from the requests' numbers, so that it is the same in every run.
  const auto failed = std::ranges::count(answers, 500, &Answer::status);
  EXPECT_NEAR(static_cast<double>(failed), kRequests * 0.25, kRequests * 0.06);
}

TEST(DemoUpstream, ServesNoMoreAtATimeThanItsCapacity) {
  DemoUpstream demo;
  const TimePoint start = SystemClock::read();
  const auto answers = ask_together(demo, std::vector(6, request("GET", "/?ms=10&capacity=2")));
  EXPECT_THAT(answers, Each(Field(&Answer::status, 200)));
  // Three turns of two; the first may still have had the capacity of before.
  EXPECT_GE(SystemClock::read() - start, 20ms);
}

TEST(DemoUpstream, SaysWhatItDoesNotUnderstand) {
  DemoUpstream demo;
  const Answer answer = ask(demo, request("GET", "/demo?ms=soon"));
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("'ms=soon'"));
}

}  // namespace
}  // namespace weir::service

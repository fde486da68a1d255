#include "weir/http/conditions.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

namespace weir::http {
namespace {

using std::chrono::seconds;

constexpr Seconds kChanged{seconds(784'111'777)};
constexpr std::string_view kBefore = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr std::string_view kThen = "Sun, 06 Nov 1994 08:49:37 GMT";

RequestHead request(std::string_view method,
                    std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  RequestHead head;
  head.method = method;
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  return head;
}

constexpr Validators kStrong{.etag = "\"v7\"", .last_modified = kChanged};
constexpr Validators kWeak{.etag = "W/\"v7\"", .last_modified = kChanged};

TEST(Conditions, WithoutAnyHold) {
  EXPECT_EQ(check_conditions(request("GET", {}), kStrong), Condition::holds);
}

TEST(Conditions, WhatTheClientHasIsNotSentAgain) {
  EXPECT_EQ(check_conditions(request("GET", {{"If-None-Match", "\"v6\", W/\"v7\""}}), kStrong),
            Condition::not_modified);
  EXPECT_EQ(check_conditions(request("HEAD", {{"If-None-Match", "\"v7\""}}), kWeak), Condition::not_modified);
  EXPECT_EQ(check_conditions(request("GET", {{"If-None-Match", "*"}}), kStrong), Condition::not_modified);
  EXPECT_EQ(check_conditions(request("GET", {{"If-None-Match", "\"v6\""}}), kStrong), Condition::holds);
  EXPECT_EQ(check_conditions(request("GET", {{"If-None-Match", "v7"}}), kStrong), Condition::holds);
}

TEST(Conditions, ATagCountsMoreThanADate) {
  const RequestHead both = request("GET", {{"If-None-Match", "\"v6\""}, {"If-Modified-Since", kThen}});
  EXPECT_EQ(check_conditions(both, kStrong), Condition::holds);
  const RequestHead match = request("PUT", {{"If-Match", "\"v7\""}, {"If-Unmodified-Since", kBefore}});
  EXPECT_EQ(check_conditions(match, kStrong), Condition::holds);
}

TEST(Conditions, ADateIsComparedToTheSecond) {
  EXPECT_EQ(check_conditions(request("GET", {{"If-Modified-Since", kThen}}), kStrong),
            Condition::not_modified);
  EXPECT_EQ(check_conditions(request("GET", {{"If-Modified-Since", kBefore}}), kStrong), Condition::holds);
  EXPECT_EQ(check_conditions(request("GET", {{"If-Modified-Since", "yesterday"}}), kStrong),
            Condition::holds);
  EXPECT_EQ(check_conditions(request("POST", {{"If-Modified-Since", kThen}}), kStrong), Condition::holds);
}

TEST(Conditions, AChangeThatOthersMadeMeanwhileFailsThem) {
  EXPECT_EQ(check_conditions(request("PUT", {{"If-Match", "\"v6\""}}), kStrong), Condition::failed);
  EXPECT_EQ(check_conditions(request("PUT", {{"If-Match", "\"v6\", \"v7\""}}), kStrong), Condition::holds);
  EXPECT_EQ(check_conditions(request("PUT", {{"If-Match", "W/\"v7\""}}), kWeak), Condition::failed);
  EXPECT_EQ(check_conditions(request("PUT", {{"If-Unmodified-Since", kBefore}}), kStrong), Condition::failed);
  EXPECT_EQ(check_conditions(request("PUT", {{"If-Unmodified-Since", kThen}}), kStrong), Condition::holds);
}

TEST(Conditions, AStarAsksWhetherThereIsAnything) {
  constexpr Validators kNothing{.exists = false};
  EXPECT_EQ(check_conditions(request("PUT", {{"If-None-Match", "*"}}), kNothing), Condition::holds);
  EXPECT_EQ(check_conditions(request("PUT", {{"If-None-Match", "*"}}), kStrong), Condition::failed);
  EXPECT_EQ(check_conditions(request("PUT", {{"If-Match", "*"}}), kNothing), Condition::failed);
  EXPECT_EQ(check_conditions(request("PUT", {{"If-Match", "*"}}), kStrong), Condition::holds);
}

TEST(Conditions, ARangeAppliesToTheSameBytesOnly) {
  EXPECT_TRUE(range_applies(request("GET", {}), kStrong));
  EXPECT_TRUE(range_applies(request("GET", {{"If-Range", "\"v7\""}}), kStrong));
  EXPECT_FALSE(range_applies(request("GET", {{"If-Range", "W/\"v7\""}}), kWeak));
  EXPECT_FALSE(range_applies(request("GET", {{"If-Range", "\"v6\""}}), kStrong));
  EXPECT_TRUE(range_applies(request("GET", {{"If-Range", kThen}}), kStrong));
  EXPECT_FALSE(range_applies(request("GET", {{"If-Range", kBefore}}), kStrong));
}

TEST(EntityTags, AreReadWhole) {
  EXPECT_EQ(parse_entity_tag("\"a\"")->opaque, "\"a\"");
  EXPECT_TRUE(parse_entity_tag("W/\"a\"")->weak);
  for (const char* text : {"", "a", "\"a", "\"a\"b", "w/\"a\"", "\"a b\"", "W/"}) {
    EXPECT_FALSE(parse_entity_tag(text)) << text;
  }
}

}  // namespace
}  // namespace weir::http

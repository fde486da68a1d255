#include "weir/http/cookies.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http {
namespace {

Headers cookies(std::string_view field) {
  Headers headers;
  headers.add("Cookie", field);
  return headers;
}

std::string set(const SetCookie& cookie) {
  Headers headers;
  const Result<> added = add_cookie(headers, cookie);
  return added ? std::string(*headers.get("Set-Cookie")) : added.error().message();
}

TEST(Cookies, AreFoundByName) {
  const Headers headers = cookies("a=1; session=x%20y ;b=\"quoted\"; empty=; a=2");
  EXPECT_EQ(find_cookie(headers, "a"), "1");
  EXPECT_EQ(find_cookie(headers, "session"), "x%20y");
  EXPECT_EQ(find_cookie(headers, "b"), "quoted");
  EXPECT_EQ(find_cookie(headers, "empty"), "");
  EXPECT_EQ(find_cookie(headers, "A"), std::nullopt);
  EXPECT_EQ(all_cookies(headers).size(), 5u);
}

TEST(Cookies, OfSeveralFieldsAreOneList) {
  Headers headers = cookies("a=1");
  headers.add("cookie", "b=2");
  EXPECT_EQ(find_cookie(headers, "b"), "2");
}

TEST(Cookies, WhatIsNoneIsPassedOver) {
  const Headers headers = cookies(";;; nothing; =x; a==b; \"");
  ASSERT_EQ(all_cookies(headers).size(), 1u);
  EXPECT_EQ(find_cookie(headers, "a"), "=b");
}

TEST(Cookies, AreReadToABound) {
  std::string many;
  for (int i = 0; i < 300; ++i) many += "a=1;";
  EXPECT_EQ(all_cookies(cookies(many)).size(), 200u);
}

TEST(Cookies, AreSetAsSafeAsMayBe) {
  EXPECT_EQ(set({.name = "a", .value = "b"}), "a=b; Path=/; SameSite=Lax; Secure; HttpOnly");
  EXPECT_EQ(set({.name = "a",
                 .value = "b",
                 .path = "/x",
                 .domain = "example.org",
                 .max_age = 90s,
                 .same_site = SameSite::strict,
                 .secure = false,
                 .http_only = false}),
            "a=b; Path=/x; Domain=example.org; Max-Age=90; SameSite=Strict");
  EXPECT_EQ(set({.name = "a", .max_age = 0s}), "a=; Path=/; Max-Age=0; SameSite=Lax; Secure; HttpOnly");
}

TEST(Cookies, ThatCannotBeWrittenAreRefused) {
  const std::string refusal = "invalid: malformed at Set-Cookie";
  EXPECT_EQ(set({.name = ""}), refusal);
  EXPECT_EQ(set({.name = "a b"}), refusal);
  EXPECT_EQ(set({.name = "a", .value = "x;y"}), refusal);
  EXPECT_EQ(set({.name = "a", .value = "x\r\ny"}), refusal);
  EXPECT_EQ(set({.name = "a", .path = "/;Domain=evil"}), refusal);
  EXPECT_EQ(set({.name = "a", .same_site = SameSite::none, .secure = false}), refusal);
  EXPECT_EQ(set({.name = "__Host-a", .path = "/x"}), refusal);
  EXPECT_EQ(set({.name = "__Secure-a", .secure = false}), refusal);
  EXPECT_EQ(set({.name = "a", .value = std::string(5000, 'x')}), "invalid: too_large at Set-Cookie");
}

}  // namespace
}  // namespace weir::http

#include "weir/http/forwarded.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

namespace weir::http {
namespace {

std::string text_of(const Result<std::span<const ForwardedHop>>& hops) {
  if (!hops) return "error: " + std::string(to_string(hops.error().reason));
  std::string text;
  for (const ForwardedHop& hop : *hops) {
    if (!text.empty()) text += " | ";
    text += hop.client ? hop.client->to_string() : "-";
    if (!hop.host.empty()) text.append(" host ").append(hop.host);
    if (!hop.proto.empty()) text.append(" proto ").append(hop.proto);
  }
  return text;
}

std::string forwarded(std::initializer_list<std::string_view> values) {
  Headers headers;
  for (const std::string_view value : values) headers.add("Forwarded", value);
  std::array<ForwardedHop, 4> room;
  return text_of(parse_forwarded(headers, room));
}

std::string forwarded_for(std::initializer_list<std::string_view> values) {
  Headers headers;
  for (const std::string_view value : values) headers.add("x-forwarded-for", value);
  std::array<ForwardedHop, 4> room;
  return text_of(parse_forwarded_for(headers, room));
}

TEST(Forwarded, OfTheStandardsExamples) {
  EXPECT_EQ(forwarded({}), "");
  EXPECT_EQ(forwarded({"for=\"_gazonk\""}), "-");
  EXPECT_EQ(forwarded({"For=\"[2001:db8:cafe::17]:4711\""}), "[2001:db8:cafe::17]:4711");
  EXPECT_EQ(forwarded({"for=192.0.2.60;proto=http;by=203.0.113.43"}), "192.0.2.60:0 proto http");
  EXPECT_EQ(forwarded({"for=192.0.2.43, for=198.51.100.17"}), "192.0.2.43:0 | 198.51.100.17:0");
  EXPECT_EQ(forwarded({"for=192.0.2.43", "for=unknown;host=\"a.b:80\""}), "192.0.2.43:0 | - host a.b:80");
  EXPECT_EQ(forwarded({" , for=192.0.2.43 ; proto=https ,"}), "192.0.2.43:0 proto https");
  EXPECT_EQ(forwarded({"secret=x;for=192.0.2.43"}), "192.0.2.43:0");
}

TEST(Forwarded, WhatIsMalformedIsSaidToBe) {
  for (const char* value :
       {"for", "for=", "=x", "for=a b", "for=\"a", "for=192.0.2.1 for=192.0.2.2", "for=1.1.1.1;for=2.2.2.2",
        "for=[2001:db8::1]", "for=\"1.1.1.1\\\"\"", "for=1.1.1.1;", "f(r=1.1.1.1", "for =1.1.1.1"}) {
    EXPECT_EQ(forwarded({value}), "error: malformed") << value;
  }
  EXPECT_EQ(forwarded({"for=a, for=b, for=c, for=d"}), "- | - | - | -");
  EXPECT_EQ(forwarded({"for=a, for=b, for=c, for=d, for=e"}), "error: too_large");
}

TEST(Forwarded, OfTheOlderField) {
  EXPECT_EQ(forwarded_for({"192.0.2.1, 2001:db8::1", " 10.0.0.1:8080,,[::1]:80 "}),
            "192.0.2.1:0 | [2001:db8::1]:0 | 10.0.0.1:8080 | [::1]:80");
  EXPECT_EQ(forwarded_for({"unknown, localhost, evil\"x, 1.2.3"}), "- | - | - | -");
  EXPECT_EQ(forwarded_for({"a,b,c,d,e"}), "error: too_large");
}

}  // namespace
}  // namespace weir::http

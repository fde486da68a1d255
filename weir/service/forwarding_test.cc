#include "weir/service/forwarding.h"

#include <gtest/gtest.h>

namespace weir::service {
namespace {

net::SocketAddress address(std::string_view text) {
  const auto parsed = net::SocketAddress::parse(text);
  EXPECT_TRUE(parsed) << text;
  return *parsed;
}

std::string text_of(const http::Headers& headers) {
  std::string out;
  headers.append_to(out);
  return out;
}

http::RequestHead forwarded(const http::RequestHead& in, std::string_view peer = "192.0.2.7:4711",
                            bool tls = false, bool trusted = false) {
  http::RequestHead out;
  Forwarding("shop-edge").request(in, {.peer = address(peer), .trusted = trusted, .tls = tls}, out);
  return out;
}

TEST(Forwarding, EndToEndFieldsPassInOrderAndTheGatewayAddsItsOwn) {
  http::RequestHead in;
  in.method = "POST";
  in.target = "/v1/items?x=1";
  in.headers.add("Host", "shop.example");
  in.headers.add("X-One", "1");
  in.headers.add("x-one", "2");
  const http::RequestHead out = forwarded(in);
  EXPECT_EQ(out.method, "POST");
  EXPECT_EQ(out.target, "/v1/items?x=1");
  EXPECT_EQ(text_of(out.headers),
            "Host: shop.example\r\nX-One: 1\r\nx-one: 2\r\n"
            "Forwarded: for=192.0.2.7;host=\"shop.example\";proto=http\r\n"
            "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Host: shop.example\r\nX-Forwarded-Proto: http\r\n"
            "Via: 1.1 shop-edge\r\n");
}

TEST(Forwarding, HopByHopFieldsStayOnTheirHop) {
  http::RequestHead in;
  for (const char* name : {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE",
                           "Trailer", "Transfer-Encoding", "Upgrade", "Expect"}) {
    in.headers.add(name, "x");
  }
  const http::RequestHead out = forwarded(in);
  for (const char* name : {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE",
                           "Trailer", "Transfer-Encoding", "Upgrade", "Expect"}) {
    EXPECT_FALSE(out.headers.get(name)) << name;
  }
}

TEST(Forwarding, WhatConnectionNamesStaysToo) {
  http::RequestHead in;
  in.headers.add("Connection", "close, X-Secret");
  in.headers.add("x-secret", "for the gateway only");
  in.headers.add("X-Other", "kept");
  const http::RequestHead out = forwarded(in);
  EXPECT_FALSE(out.headers.get("X-Secret"));
  EXPECT_EQ(out.headers.get("X-Other"), "kept");
}

TEST(Forwarding, AppendsToWhatATrustedProxySaid) {
  http::RequestHead in;
  in.version_minor = 0;
  in.headers.add("X-Forwarded-For", "203.0.113.9");
  in.headers.add("X-Forwarded-For", "198.51.100.2");
  in.headers.add("Via", "1.1 outer");
  in.headers.add("X-Forwarded-Proto", "https");
  const http::RequestHead out = forwarded(in, "192.0.2.7:4711", false, true);
  EXPECT_EQ(out.headers.get("X-Forwarded-Proto"), "https");
  EXPECT_EQ(out.headers.get("X-Forwarded-For"), "203.0.113.9, 198.51.100.2, 192.0.2.7");
  EXPECT_EQ(out.headers.get_all("X-Forwarded-For").size(), 1u);
  EXPECT_EQ(out.headers.get("Via"), "1.1 outer, 1.0 shop-edge");
}

TEST(Forwarding, WhatAnybodyElseSaysOfWhereItCameFromIsReplaced) {
  http::RequestHead in;
  for (const char* name : {"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
                           "X-Forwarded-Port", "X-Forwarded-Server", "X-Real-IP", "x-forwarded-for"}) {
    in.headers.add(name, "forged");
  }
  in.headers.add("Host", "h");
  const http::RequestHead out = forwarded(in);
  EXPECT_EQ(text_of(out.headers).find("forged"), std::string::npos);
  EXPECT_EQ(out.headers.get("Forwarded"), "for=192.0.2.7;host=\"h\";proto=http");
  EXPECT_EQ(out.headers.get("X-Forwarded-For"), "192.0.2.7");
}

TEST(Forwarding, AnIpv6PeerIsQuotedAsRfc7239HasIt) {
  const http::RequestHead out = forwarded({}, "[2001:db8::1]:443");
  EXPECT_EQ(out.headers.get("Forwarded"), "for=\"[2001:db8::1]\";proto=http");
  EXPECT_EQ(out.headers.get("X-Forwarded-For"), "2001:db8::1");
}

TEST(Forwarding, AResponseLosesItsFramingAndHopFieldsAndGainsVia) {
  http::ResponseHead in;
  in.status = 418;
  in.reason = "I am a teapot";
  in.headers.add("Content-Length", "5");
  in.headers.add("Connection", "close");
  in.headers.add("ETag", "\"a\"");
  http::ResponseHead out;
  Forwarding("shop-edge").response(in, out);
  EXPECT_EQ(out.status, 418);
  EXPECT_EQ(out.reason, "I am a teapot");
  EXPECT_EQ(text_of(out.headers), "ETag: \"a\"\r\nVia: 1.1 shop-edge\r\n");
}

TEST(Forwarding, ThePathIsTheTargetWithoutItsQuery) {
  EXPECT_EQ(path_of("/v1/items?x=/v2/"), "/v1/items");
  EXPECT_EQ(path_of("/"), "/");
  EXPECT_EQ(path_of("*"), "*");
}

TEST(Forwarding, TellsWhereTlsWasSpoken) {
  const http::RequestHead out = forwarded({.method = "GET", .target = "/"}, "192.0.2.7:4711", true);
  EXPECT_EQ(out.headers.get("Forwarded"), "for=192.0.2.7;proto=https");
  EXPECT_EQ(out.headers.get("X-Forwarded-Proto"), "https");
}

}  // namespace
}  // namespace weir::service

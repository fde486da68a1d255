// The mistakes of those parts of a bounds file that say who connects and what is
// logged of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "weir/service/config.h"

namespace weir::service {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Parsed parse(const std::string& more) {
  return parse_config("f", R"(service: shop
bounds: { inflight: { limit: 200, because: b } }
upstreams:
  catalog: { url: "http://127.0.0.1:9001", inflight: 50, because: b }
routes: [ { match: "/", upstream: catalog } ]
)" + more);
}

std::vector<std::string> findings_of(const std::string& more) {
  const Parsed parsed = parse(more);
  const Diagnostics& findings = parsed ? parsed->warnings : parsed.error();
  std::vector<std::string> lines;
  for (const Diagnostic& item : findings.items()) lines.push_back(findings.line(item).substr(2));
  return lines;
}

TEST(ConfigEdge, IsReadAsItStands) {
  const Parsed parsed = parse(
      "server: { trusted: [10.0.0.0/8, \"::1\"], client_field: forwarded, proxy_protocol: [127.0.0.1],\n     "
      "     websockets: 7, websocket_idle: 9s }\naccess_log: { path: /tmp/log, format: combined, buffer: "
      "1KiB }\n");
  ASSERT_TRUE(parsed);
  const ServerConfig& server = parsed->config.server;
  EXPECT_THAT(server.trusted, ElementsAre(*net::Network::parse("10.0.0.0/8"), *net::Network::parse("::1")));
  EXPECT_EQ(server.client_field, "forwarded");
  EXPECT_THAT(server.proxy_protocol, ElementsAre(*net::Network::parse("127.0.0.1")));
  EXPECT_EQ(server.websockets, 7u);
  EXPECT_EQ(server.websocket_idle, 9s);
  EXPECT_EQ(parsed->config.access_log,
            (AccessLogConfig{.path = "/tmp/log", .format = "combined", .buffer = kibibytes(1)}));
}

TEST(ConfigEdge, IsLeftOutWhole) {
  const Parsed parsed = parse("");
  ASSERT_TRUE(parsed);
  EXPECT_THAT(parsed->config.server.trusted, IsEmpty());
  EXPECT_FALSE(parsed->config.access_log);
}

TEST(ConfigEdge, EachMistakeIsSaidAtItsPlace) {
  EXPECT_THAT(findings_of("server: { trusted: 10.0.0.0/8 }\n"),
              ElementsAre("6:20: error: server.trusted must be a list, is a single value; for example "
                          "trusted: [10.0.0.0/8]"));
  EXPECT_THAT(findings_of("server: { trusted: [10.0.0.1/8, example.com, {}] }\n"),
              ElementsAre("6:21: error: server.trusted: \"10.0.0.1/8\" is no network; an address, or one "
                          "with a length behind which no bit is set: 10.0.0.0/8",
                          "6:33: error: server.trusted: \"example.com\" is no network; an address, or one "
                          "with a length behind which no bit is set: 10.0.0.0/8",
                          "6:46: error: an entry of server.trusted must be text, is a map; for example "
                          "trusted: [10.0.0.0/8]"));
  EXPECT_THAT(findings_of("server: { trusted: [127.0.0.1], client_field: x_real_ip }\n"),
              ElementsAre("6:47: error: server.client_field is neither x_forwarded_for nor forwarded, is "
                          "\"x_real_ip\"; for example client_field: x_forwarded_for"));
  EXPECT_THAT(findings_of("server: { client_field: forwarded }\n"),
              ElementsAre("6:11: warning: server.client_field is without effect where nobody is trusted; add "
                          "server.trusted: [...], the networks of the proxies before this one"));
  EXPECT_THAT(findings_of("server: { websocket_idle: 0s }\n"), ::testing::SizeIs(1));
  EXPECT_THAT(findings_of("access_log: { format: xml }\n"),
              ElementsAre("6:23: error: access_log.format is neither json nor combined, is \"xml\"; for "
                          "example format: json"));
  EXPECT_THAT(findings_of("access_log: { file: x }\n"), ::testing::SizeIs(1));
}

TEST(ConfigEdge, Http2IsReadAsItStands) {
  const Http2Config usual;
  EXPECT_TRUE(usual.enabled);
  EXPECT_EQ(parse("")->config.server.http2, usual);
  const Parsed parsed = parse(
      "server: { http2: { enabled: true, max_streams: 7, stream_window: 128KiB, connection_window: 1MiB },\n"
      "          rate_fields: false }\n");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(
      parsed->config.server.http2,
      (Http2Config{.max_streams = 7, .stream_window = kibibytes(128), .connection_window = mebibytes(1)}));
  EXPECT_FALSE(parsed->config.server.rate_fields);
  EXPECT_FALSE(parse("server: { http2: { enabled: false } }\n")->config.server.http2.enabled);
}

TEST(ConfigEdge, WhatHttp2CannotBeIsSaidAtItsPlace) {
  EXPECT_THAT(findings_of("server: { http2: { enabled: perhaps } }\n"),
              ElementsAre("6:29: error: server.http2.enabled is neither true nor false, is \"perhaps\"; for "
                          "example enabled: true"));
  EXPECT_THAT(findings_of("server: { http2: { max_streams: 0 } }\n"), ::testing::SizeIs(1));
  EXPECT_THAT(findings_of("server: { http2: { stream_window: 1KiB, connection_window: 1GiB } }\n"),
              ::testing::SizeIs(2));
  EXPECT_THAT(findings_of("server: { http2: { stream_window: 1MiB } }\n"),
              ElementsAre("6:35: warning: server.http2.stream_window is never used whole: a connection's is "
                          "64.0 KiB; make connection_window at least as large"));
  EXPECT_THAT(
      findings_of("server: { http2: { enabled: false, max_streams: 3 } }\n"),
      ElementsAre("6:49: warning: server.http2 has no effect where enabled is false; leave only enabled"));
}

}  // namespace
}  // namespace weir::service

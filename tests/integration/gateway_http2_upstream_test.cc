// A gateway before an upstream of HTTP/2 that takes back what it began.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "tests/integration/gateway_process.h"
#include "tests/integration/h2_upstream.h"

namespace weir::testing {
namespace {

TEST(GatewayHttp2Upstream, StreamsThatItResetsAndConnectionsThatItEndsAreCounted) {
  std::atomic<int> asked{0};
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    while (const auto request = h2.read_request()) {
      const int number = ++asked;
      if (number == 1) {
        h2.reset_stream(request->id, H2Peer::kCancel);
        continue;
      }
      h2.respond(request->id, "done");
      if (number != 2) continue;
      h2.go_away(request->id);
      h2.linger();
      return;
    }
  });
  const GatewayProcess gateway(
      {.upstreams = {{"u", upstream.address(), "inflight: 5, timeout: 5s, protocol: http2"}}});
  const auto counted = [&](const std::string& name) {
    return gateway.metric("weir_upstream_http2_" + name + "{upstream=\"u\"}").value_or(-1);
  };
  RawClient client(gateway.address());
  EXPECT_EQ(client.ask(get("/u/")).status, 502);
  EXPECT_EQ(counted("resets_total"), 1);
  EXPECT_EQ(counted("goaways_total"), 0);
  EXPECT_EQ(client.ask(get("/u/")).body, "done");
  // It may be read with the next request's answer only, which then has to come from elsewhere.
  EXPECT_EQ(client.ask(get("/u/")).body, "done");
  EXPECT_EQ(counted("goaways_total"), 1);
  EXPECT_EQ(upstream.accepted(), 2U) << "no request goes to a connection that takes no more";
  EXPECT_EQ(counted("resets_total"), 1);
  EXPECT_EQ(counted("connections"), 1);
}

}  // namespace
}  // namespace weir::testing

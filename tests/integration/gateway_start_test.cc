// `weir serve` before it serves: what it refuses, with which words, and what it
// starts with when it is told nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/integration/gateway_process.h"
#include "tests/integration/temporary_file.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

struct Ended {
  std::optional<int> code;
  std::string out;
  std::string err;
};

Ended run(std::vector<std::string> words) {
  words.insert(words.begin(), WEIR_PROGRAM);
  Process process(words);
  const std::optional<int> code = process.wait(kPatience);
  return {code, process.out(), process.err()};
}

const BoundsFile& right_file() {
  static const BoundsFile kFile{.upstreams = {{"u", std::string("http://127.0.0.1:9")}}};
  return kFile;
}

TEST(GatewayStart, ABadFileIsRefusedWithTheWordsOfCheck) {
  const TemporaryFile file(
      "service: edge\nbounds: { inflight: { limt: 2, queue: { wait: 5 } } }\n"
      "upstreams: { u: { url: \"http://127.0.0.1:9\", inflight: 1 } }\nroutes: [ { match: /, upstream: v } "
      "]\n");
  const Ended check = run({"check", file.path()});
  const Ended serve = run({"serve", file.path()});
  EXPECT_EQ(check.code, 2);
  EXPECT_EQ(serve.code, 2);
  EXPECT_EQ(serve.out, "");
  EXPECT_THAT(serve.err, HasSubstr("did you mean \"limit\"?"));
  // Check adds a summary; every word of serve's is among its own.
  EXPECT_THAT(check.out + check.err, HasSubstr(serve.err));
}

TEST(GatewayStart, AFileThatIsNotThereIsRefusedWithTheWordsOfCheck) {
  const Ended check = run({"check", "/nowhere/bounds.yaml"});
  const Ended serve = run({"serve", "/nowhere/bounds.yaml"});
  EXPECT_EQ(serve.code, 2);
  EXPECT_THAT(serve.err, HasSubstr("/nowhere/bounds.yaml"));
  EXPECT_THAT(check.out + check.err, HasSubstr(serve.err));
}

TEST(GatewayStart, ThePrintedConfigurationPassesCheck) {
  const Ended printed = run({"serve", "--print-config"});
  EXPECT_EQ(printed.code, 0);
  EXPECT_EQ(printed.err, "");
  const TemporaryFile file(printed.out);
  const Ended check = run({"check", file.path()});
  EXPECT_EQ(check.code, 0) << check.out;
}

TEST(GatewayStart, AFileIsPrintedAsItIsOnceItIsRight) {
  const TemporaryFile right(right_file().text());
  EXPECT_EQ(run({"serve", right.path(), "--print-config"}).out, right_file().text());
  const TemporaryFile wrong("service: [");
  const Ended refused = run({"serve", wrong.path(), "--print-config"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(refused.out, "");
}

TEST(GatewayStart, AnAddressThatIsNoneIsRefused) {
  const TemporaryFile file(right_file().text());
  for (const char* option : {"--listen", "--admin"}) {
    const Ended ended = run({"serve", file.path(), option, "127.0.0.1:99999"});
    EXPECT_EQ(ended.code, 2);
    EXPECT_THAT(ended.err, HasSubstr(option));
  }
}

TEST(GatewayStart, APortInUseIsSaidAndEndsWithTwo) {
  BadUpstream taken([](BadUpstream::Peer& peer) { peer.wait_gone(); });
  const TemporaryFile file(right_file().text());
  const std::string address = taken.address().to_string();
  for (const bool is_public : {true, false}) {
    const Ended ended = run({"serve", file.path(), "--listen", is_public ? address : "127.0.0.1:0", "--admin",
                             is_public ? "127.0.0.1:0" : address});
    EXPECT_EQ(ended.code, 2);
    EXPECT_THAT(ended.err, HasSubstr("cannot listen on " + address));
    EXPECT_THAT(ended.err, HasSubstr("in use"));
  }
}

TEST(GatewayStart, TwoGatewaysDoNotShareAPort) {
  const GatewayProcess first(right_file());
  const TemporaryFile file(right_file().text());
  const Ended second =
      run({"serve", file.path(), "--listen", first.address().to_string(), "--admin", "127.0.0.1:0"});
  EXPECT_EQ(second.code, 2);
  EXPECT_THAT(second.err, HasSubstr("cannot listen on " + first.address().to_string()));
}

TEST(GatewayStart, AnUpstreamWithoutAnAddressIsSaidAndEndsWithTwo) {
  const BoundsFile lost{.upstreams = {{"one", std::string("http://no-such-host.invalid:80")},
                                      {"two", std::string("http://nor-this.invalid:80")}}};
  const TemporaryFile file(lost.text());
  const Ended ended = run({"serve", file.path(), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr("upstream 'one': no address for 'no-such-host.invalid'"));
  EXPECT_THAT(ended.err, HasSubstr("upstream 'two': no address for 'nor-this.invalid'"));
}

TEST(GatewayStart, AnUpstreamMayBeNamedAndMayBeThereLater) {
  const GatewayProcess gateway({.upstreams = {{"u", std::string("http://localhost:9")}}});
  EXPECT_EQ(ask_once(gateway.address(), get("/u/")).status, 502);
}

TEST(GatewayStart, WithoutAFileItServesTheDemo) {
  const Ended printed = run({"serve", "--print-config"});
  ASSERT_EQ(printed.code, 0);
  Process process({WEIR_PROGRAM, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"});
  ASSERT_TRUE(process.wait_for_err("/metrics\n", kPatience)) << process.err();
  EXPECT_THAT(process.err(), HasSubstr("demo listens on http://127.0.0.1:"));
  EXPECT_THAT(process.err(), HasSubstr("(embedded demo)"));
  const std::string said = process.err();
  const std::string after = said.substr(said.find("http://") + 7);
  const auto address = net::SocketAddress::parse(after.substr(0, after.find('\n')));
  ASSERT_TRUE(address);
  const TimePoint start = SystemClock::read();
  const Reply reply = ask_once(*address, get("/demo?ms=20&bytes=1024"));
  EXPECT_GE(SystemClock::read() - start, 20ms);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body.size(), 1024U);
  EXPECT_EQ(ask_once(*address, get("/demo?fail=1")).status, 500);
  EXPECT_EQ(ask_once(*address, get("/demo?ms=soon")).status, 400);
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait(kPatience), 0) << process.err();
}

TEST(GatewayStart, ATargetWhoseNameHasNoAddressIsRefusedByName) {
  BoundsFile file{.upstreams = {{"u", std::string("http://no-such-host.invalid:9")}}};
  const TemporaryFile written(file.text());
  const Ended serve = run({"serve", written.path()});
  EXPECT_EQ(serve.code, 2);
  EXPECT_THAT(serve.err, HasSubstr("upstream 'u': no address for 'no-such-host.invalid': "));
}

TEST(GatewayStart, WithoutHttp2ItIsNoRequest) {
  BoundsFile file = right_file();
  file.server = "http2: { enabled: false }";
  GatewayProcess gateway(file);
  RawClient client(gateway.address());
  client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_EQ(client.read_reply().status, 505);
}

}  // namespace
}  // namespace weir::testing

#include "weir/service/access_log.h"

#include <gtest/gtest.h>

#include <string>

#include "weir/base/count_allocations.h"
#include "weir/base/sanitizers.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"

namespace weir::service {
namespace {

constexpr std::int64_t kTime = 1'769'860'800'123'456'789;  // 2026-01-31 12:00:00.123

struct Sample {
  Sample() {
    request.method = "GET";
    request.target = "/v1/x?q=1";
    request.headers.add("User-Agent", "curl/8 \"x\"");
  }
  AccessEntry entry() const {
    return {.request = request,
            .client = client,
            .status = 200,
            .bytes = 512,
            .took = 1250us,
            .upstream = "catalog",
            .upstream_took = 1010us,
            .outcome = "forwarded",
            .id = "abc",
            .tenant = "acme"};
  }
  http::RequestHead request;
  net::SocketAddress client = *net::SocketAddress::parse("192.0.2.1:4711");
};

TEST(AccessLog, WritesALineOfJson) {
  const Sample sample;
  std::string line;
  append_json_line(sample.entry(), kTime, line);
  EXPECT_EQ(line,
            R"({"time":"2026-01-31T12:00:00.123Z","client":"192.0.2.1","method":"GET","target":"/v1/x?q=1",)"
            R"("version":"1.1","status":200,"bytes":512,"duration_ms":1.250,"upstream":"catalog",)"
            R"("upstream_ms":1.010,"outcome":"forwarded","request_id":"abc","tenant":"acme"})");
}

TEST(AccessLog, WritesACombinedLine) {
  const Sample sample;
  std::string line;
  append_combined_line(sample.entry(), kTime, line);
  EXPECT_EQ(line, R"(192.0.2.1 - - [31/Jan/2026:12:00:00 +0000] "GET /v1/x?q=1 HTTP/1.1" 200 512 "-" )"
                  R"("curl/8 \x22x\x22" 0.001 forwarded abc)");
}

TEST(AccessLog, NoTextOfAClientsEndsItsFieldOrItsLine) {
  Sample sample;
  sample.request.target = "/\"\n\x80 200 1 \\";
  sample.request.method = "G\"ET";
  std::string line;
  append_combined_line(sample.entry(), kTime, line);
  EXPECT_NE(line.find(R"("G\x22ET /\x22\x0a\x80 200 1 \x5c HTTP/1.1" 200 512)"), std::string::npos) << line;
  std::string json;
  append_json_line(sample.entry(), kTime, json);
  EXPECT_EQ(json.find('\n'), std::string::npos);
  EXPECT_NE(json.find(R"("method":"G\"ET")"), std::string::npos);
}

TEST(AccessLog, ALineHasABound) {
  Sample sample;
  sample.request.target = "/" + std::string(8000, 'x');
  std::string line;
  append_json_line(sample.entry(), kTime, line);
  EXPECT_LT(line.size(), 1500u);
}

TEST(AccessLog, ALineTakesNoMemory) {
  if (kSanitized) GTEST_SKIP() << "sanitizers have an operator new of their own";
  for (const char* format : {"json", "combined"}) {
    SCOPED_TRACE(format);
    Sample sample;
    AccessLog log({.path = "/dev/null", .format = format}, 1);
    core::Runtime runtime({.processors = 1});
    std::uint64_t taken = 1;
    EXPECT_TRUE(runtime.run([&](core::Scope&) -> core::task<> {
      const auto lines = [&](const char* client) {
        sample.client = *net::SocketAddress::parse(client);
        log.add(sample.entry());  // what is kept for later lines
        const std::uint64_t before = allocations;
        for (int i = 0; i < 100; ++i) log.add(sample.entry());
        return allocations - before;
      };
      taken = lines("192.0.2.1:4711");
      taken += lines("[2001:db8:1111:2222:3333:4444:5555:6666]:4711");
      co_return;
    }));
    EXPECT_EQ(taken, 0u);
    EXPECT_EQ(log.lines().stats().dropped, 0u);
  }
}

}  // namespace
}  // namespace weir::service

// Files over sockets: as the kernel sends them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "tests/integration/http_server_fixture.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/upstream_scripts.h"
#include "weir/http/router.h"
#include "weir/http/static_files.h"

namespace weir::testing {
namespace {

using ::testing::Optional;

constexpr std::size_t kMebibyte = std::size_t{1} << 20;

std::string request(std::string_view path, std::string_view fields = {}) {
  return std::string("GET ").append(path).append(" HTTP/1.1\r\nHost: a\r\n").append(fields).append("\r\n");
}

class StaticFilesOverSockets : public ::testing::Test {
 protected:
  StaticFilesOverSockets() {
    std::filesystem::create_directories(folder_);
    write("large", body_);
    auto opened = http::StaticFiles::open({.root = folder_, .open_files = 0}, reads_);
    EXPECT_TRUE(opened);
    files_.emplace(std::move(*opened));
    router_.emplace(
        *http::Router::make({{"GET /{path...}", http::bind<&http::StaticFiles::serve>(*files_)}}));
  }
  ~StaticFilesOverSockets() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
  }
  ServerUnderTest::Handle handler() {
    return [this](http::Exchange& exchange) -> core::task<void> {
      sends_files_ = exchange.sends_files();
      return router_->handle(exchange);
    };
  }

  const std::string folder_ = ::testing::TempDir() + "weir_files_" + std::to_string(::getpid());
  const std::string body_ = pattern(16 * kMebibyte + 17);
  core::Limit reads_{{.name = "file reads", .limit = 4}};
  std::optional<http::StaticFiles> files_;
  std::optional<http::Router> router_;
  std::atomic<bool> sends_files_ = false;
};

TEST_F(StaticFilesOverSockets, AreSentAsTheyAreAndTheConnectionGoesOn) {
  ServerUnderTest server(handler());
  RawClient client(server.address());
  for (int i = 0; i < 3; ++i) {
    const Reply whole = client.ask(request("/large"));
    EXPECT_EQ(whole.status, 200);
    EXPECT_TRUE(whole.body == body_);
  }
  EXPECT_TRUE(sends_files_);
  const Reply part = client.ask(request("/large", "Range: bytes=1000000-2999999\r\n"));
  EXPECT_EQ(part.status, 206);
  EXPECT_TRUE(part.body == body_.substr(1'000'000, 2'000'000));
  const Reply parts = client.ask(request("/large", "Range: bytes=0-99999,2000000-2199999\r\n"));
  EXPECT_EQ(parts.status, 206);
  EXPECT_NE(parts.body.find(body_.substr(0, 100'000)), std::string::npos);
  EXPECT_NE(parts.body.find(body_.substr(2'000'000, 200'000)), std::string::npos);
  const Reply head = client.ask("HEAD /large HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD");
  EXPECT_THAT(head.field("content-length"), Optional(std::to_string(body_.size())));
  // In a row on one connection, small ones between.
  write("small", "small");
  client.send(request("/large") + request("/small") + request("/large"));
  EXPECT_TRUE(client.read_reply().body == body_);
  EXPECT_EQ(client.read_reply().body, "small");
  EXPECT_TRUE(client.read_reply().body == body_);
}

// A write to it would be a SIGPIPE, and the end of the program.
TEST_F(StaticFilesOverSockets, AClientThatLeavesEndsItsOwnReplyAlone) {
  ServerUnderTest server(handler());
  for (int i = 0; i < 20; ++i) {
    RawClient client(server.address());
    client.send(request("/large"));
    (void)client.read_bytes(1000);
  }
  EXPECT_TRUE(server.wait_for([](const http::Server::Stats& stats) { return stats.connections_open == 0; }));
  EXPECT_TRUE(RawClient(server.address()).ask(request("/large")).body == body_);
}

TEST_F(StaticFilesOverSockets, AFileThatBecomesShorterCutsTheReplyOff) {
  ServerUnderTest server(handler());
  RawClient client(server.address());
  client.send(request("/large"));
  (void)client.read_bytes(1000);
  std::filesystem::resize_file(folder_ + "/large", kMebibyte / 2);
  EXPECT_LT(client.read_to_end().size(), body_.size() - 1000);
  EXPECT_EQ(client.ending(), Ending::reset);
  EXPECT_EQ(RawClient(server.address()).ask(request("/large")).body.size(), kMebibyte / 2);
}

}  // namespace
}  // namespace weir::testing

#include "weir/http/static_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "weir/http/content_type.h"
#include "weir/http/in_memory.h"
#include "weir/http/router.h"

namespace weir::http {
namespace {

namespace fs = std::filesystem;

// A folder with files, gone at its end, and a router that serves it.
class StaticFilesTest : public testing::Test {
 protected:
  StaticFilesTest() {
    std::string pattern = fs::temp_directory_path() / "weir-files-XXXXXX";
    top_ = ::mkdtemp(pattern.data());
    root_ = top_ / "www";
    fs::create_directories(root_ / "docs");
    write("index.html", "<p>start</p>");
    write("docs/index.html", "<p>docs</p>");
    write("docs/a b.txt", "text");
    write("app.js", "let x = 1;");
    write("app.js.br", "as brotli");
    write("app.js.gz", "as gzip");
    write("only.js", "let y = 1;");
    write("only.js.gz", "as gzip");
    write(".env", "secret");
    std::ofstream(top_ / "outside.txt") << "outside";
  }
  ~StaticFilesTest() override { fs::remove_all(top_); }

  void write(const std::string& path, std::string_view text) { std::ofstream(root_ / path) << text; }

  void serve(StaticFiles::Options options = {}) {
    options.root = root_;
    auto opened = StaticFiles::open(std::move(options), reads_);
    ASSERT_TRUE(opened);
    files_.emplace(std::move(*opened));
    router_.emplace(*Router::make({{"GET /{path...}", bind<&StaticFiles::serve>(*files_)}}));
  }
  InMemoryReply get(std::string target, std::vector<std::pair<std::string, std::string>> headers = {}) {
    if (!router_) serve();
    return ask(*router_, {.target = std::move(target), .headers = std::move(headers)});
  }
  std::string body(std::string target) {
    const InMemoryReply reply = get(std::move(target));
    return reply.status == 200 ? reply.body : std::to_string(reply.status);
  }

  fs::path top_, root_;
  core::Limit reads_{{.name = "file-reads", .limit = 4}};
  std::optional<StaticFiles> files_;
  std::optional<Router> router_;
};

TEST_F(StaticFilesTest, ServesWhatLiesInTheFolder) {
  EXPECT_EQ(body("/docs/a%20b.txt"), "text");
  const InMemoryReply reply = get("/index.html");
  EXPECT_EQ(reply.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(reply.header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(reply.header("Cache-Control"), "");
  EXPECT_FALSE(reply.header("Last-Modified").empty());
  EXPECT_EQ(body("/none.txt"), "404");
  EXPECT_EQ(body("/index.html/x"), "404");
}

TEST_F(StaticFilesTest, ServesTheIndexOfAFolderBehindItsSlash) {
  EXPECT_EQ(body("/"), "<p>start</p>");
  EXPECT_EQ(body("/docs/"), "<p>docs</p>");
  const InMemoryReply reply = get("/docs?x=1");
  EXPECT_EQ(reply.status, 308);
  EXPECT_EQ(reply.header("Location"), "./docs/?x=1");
  fs::create_directory(root_ / "empty");
  EXPECT_EQ(body("/empty/"), "404");
}

TEST_F(StaticFilesTest, ServesNothingOutsideTheFolder) {
  for (const char* target :
       {"/../outside.txt", "/docs/../../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt",
        "/docs/..%2f..%2foutside.txt", "/%2fetc/passwd", "//etc/passwd", "/docs/%00", "/./index.html"}) {
    const InMemoryReply reply = get(target);
    EXPECT_TRUE(reply.status == 400 || reply.status == 404) << target << " " << reply.status;
  }
}

TEST_F(StaticFilesTest, ServesNothingHidden) {
  EXPECT_EQ(body("/.env"), "404");
  fs::create_directory(root_ / ".git");
  write(".git/config", "secret");
  EXPECT_EQ(body("/.git/config"), "404");
}

TEST_F(StaticFilesTest, FollowsNoLinksUnlessTold) {
  fs::create_symlink("index.html", root_ / "inside.html");
  fs::create_symlink("docs", root_ / "alias");
  fs::create_symlink(top_ / "outside.txt", root_ / "absolute.txt");
  fs::create_symlink("../outside.txt", root_ / "relative.txt");
  for (const char* target : {"/inside.html", "/alias/a%20b.txt", "/absolute.txt", "/relative.txt"}) {
    EXPECT_EQ(body(target), "404") << target;
  }
  serve({.links = StaticFiles::Links::follow_within});
  EXPECT_EQ(body("/inside.html"), "<p>start</p>");
  EXPECT_EQ(body("/alias/a%20b.txt"), "text");
  EXPECT_EQ(body("/absolute.txt"), "404");
  EXPECT_EQ(body("/relative.txt"), "404");
}

TEST_F(StaticFilesTest, ServesRegularFilesOnly) {
  ASSERT_EQ(::mkfifo((root_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(body("/pipe"), "404");  // and does not wait for a writer
}

TEST_F(StaticFilesTest, ServesWhatLiesThereCompressedToThoseWhoTakeIt) {
  EXPECT_EQ(body("/app.js"), "let x = 1;");
  const InMemoryReply brotli = get("/app.js", {{"Accept-Encoding", "gzip, br"}});
  EXPECT_EQ(brotli.body, "as brotli");
  EXPECT_EQ(brotli.header("Content-Encoding"), "br");
  EXPECT_EQ(brotli.header("Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(brotli.header("Vary"), "Accept-Encoding");
  const InMemoryReply gzip = get("/app.js", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(gzip.body, "as gzip");
  EXPECT_NE(gzip.header("ETag"), brotli.header("ETag"));
  EXPECT_EQ(get("/app.js").header("Vary"), "Accept-Encoding");
  EXPECT_EQ(get("/only.js", {{"Accept-Encoding", "gzip, br"}}).body, "as gzip");
  EXPECT_EQ(get("/only.js", {{"Accept-Encoding", "br"}}).body, "let y = 1;");
  serve({.precompressed = false});
  EXPECT_EQ(get("/app.js", {{"Accept-Encoding", "br"}}).body, "let x = 1;");
}

TEST_F(StaticFilesTest, ServesPartsAndConditions) {
  EXPECT_EQ(get("/app.js", {{"Range", "bytes=4-4"}}).body, "x");
  const std::string etag = get("/app.js").header("ETag");
  EXPECT_EQ(get("/app.js", {{"If-None-Match", etag}}).status, 304);
  EXPECT_EQ(get("/app.js", {{"If-None-Match", "\"other\""}}).status, 200);
}

TEST_F(StaticFilesTest, AnswersLargeFilesInPieces) {
  const std::string large(300'000, 'x');
  write("large.bin", large);
  const InMemoryReply reply = get("/large.bin");
  EXPECT_EQ(reply.body, large);
  EXPECT_GE(reply.writes, 5u);
}

TEST_F(StaticFilesTest, NoticesAChangeOnceWhatItKeepsIsOld) {
  serve({.valid_for = 0s});
  EXPECT_EQ(body("/app.js"), "let x = 1;");
  const std::string etag = get("/app.js").header("ETag");
  write("new.js", "let x = 22;");
  fs::rename(root_ / "new.js", root_ / "app.js");
  EXPECT_EQ(body("/app.js"), "let x = 22;");
  EXPECT_NE(get("/app.js").header("ETag"), etag);
}

TEST_F(StaticFilesTest, KeepsNoMoreFilesOpenThanItMay) {
  serve({.open_files = 2});
  const auto open = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const auto before = open();
  for (int i = 0; i < 10; ++i) {
    const std::string name = "f" + std::to_string(i) + ".txt";
    write(name, "text");
    EXPECT_EQ(body("/" + name), "text");
  }
  EXPECT_LE(open(), before + 2);
}

TEST_F(StaticFilesTest, SaysHowLongItMayBeKept) {
  serve({.cache_control = "max-age=3600"});
  EXPECT_EQ(get("/app.js").header("Cache-Control"), "max-age=3600");
  EXPECT_EQ(get("/none").header("Cache-Control"), "no-store");
}

TEST(StaticFiles, OfNoFolderAreAnError) {
  core::Limit reads({.name = "file-reads", .limit = 1});
  EXPECT_FALSE(StaticFiles::open({.root = "/nowhere/at/all"}, reads));
}

TEST(ContentType, GoesByTheEnding) {
  EXPECT_EQ(content_type_of("a/b.HTML"), "text/html; charset=utf-8");
  EXPECT_EQ(content_type_of("a.tar.gz"), "application/gzip");
  EXPECT_EQ(content_type_of("a.b/README"), "application/octet-stream");
  EXPECT_EQ(content_type_of(""), "application/octet-stream");
}

}  // namespace
}  // namespace weir::http

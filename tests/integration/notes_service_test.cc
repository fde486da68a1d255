// The longer example as a process, with curl as its client: what others read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/integration/process.h"
#include "weir/base/clock.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

class NotesServiceTest : public ::testing::Test {
 protected:
  NotesServiceTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-notes-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    for (int i = 0; i < 20'000; ++i) text_ += "line " + std::to_string(i) + "\n";
    std::ofstream(folder_ / "lines.txt") << text_;
    service_.emplace(std::vector<std::string>{WEIR_NOTES_SERVICE, "127.0.0.1:0", "127.0.0.1:0", folder_});
    EXPECT_TRUE(service_->wait_for_err("/readyz", 20s));
    const std::string said = service_->err();
    const std::size_t at = said.find("http://");
    url_ = said.substr(at, said.find('\n', at) - at);
  }
  ~NotesServiceTest() override { std::filesystem::remove_all(folder_); }

  // What curl says on stdout.
  std::string curl(std::vector<std::string> words) {
    words.insert(words.begin(), {"/usr/bin/curl", "-sS", "--max-time", "20"});
    Process curl(words);
    EXPECT_EQ(curl.wait(30s), 0) << curl.err();
    return curl.out();
  }
  std::string url(std::string_view path) const { return url_ + std::string(path); }

  std::filesystem::path folder_;
  std::string text_;
  std::optional<Process> service_;
  std::string url_;
};

TEST_F(NotesServiceTest, TakesAndGivesJson) {
  const std::string created = curl({"-i", "--json", "{\"text\":\"buy \\\"milk\\\"\"}", url("/notes")});
  EXPECT_THAT(created, HasSubstr("HTTP/1.1 201 Created"));
  EXPECT_THAT(created, HasSubstr("Location: /notes/1"));
  EXPECT_EQ(curl({url("/notes/1")}), "buy \"milk\"");
  EXPECT_EQ(curl({url("/notes?from=1")}), "[{\"id\":1,\"text\":\"buy \\\"milk\\\"\"}]");
  EXPECT_EQ(curl({url("/notes?from=2")}), "[]");
  EXPECT_THAT(curl({"-i", "--json", "{", url("/notes")}), HasSubstr("HTTP/1.1 400 Bad Request"));
  EXPECT_THAT(curl({"-i", "-d", "text=x", url("/notes")}), HasSubstr("HTTP/1.1 415 "));
  EXPECT_THAT(curl({"-i", url("/notes/9")}), HasSubstr("application/problem+json"));
}

TEST_F(NotesServiceTest, TakesAnUploadAsCurlSendsIt) {
  std::ofstream(folder_ / "note.txt") << "from a file";
  EXPECT_EQ(curl({"-F", "a=first", "-F", "b=@" + (folder_ / "note.txt").string(), url("/import")}),
            "2 notes\n");
  EXPECT_EQ(curl({url("/notes/2")}), "from a file");
}

TEST_F(NotesServiceTest, ServesFilesInParts) {
  const std::string file = url("/files/lines.txt");
  EXPECT_EQ(curl({file}), text_);
  EXPECT_EQ(curl({"-r", "100-199", file}), text_.substr(100, 100));
  EXPECT_EQ(curl({"-r", "-10", file}), text_.substr(text_.size() - 10));
  const std::string parts = curl({"-i", "-r", "0-4,100-104", file});
  EXPECT_THAT(parts, HasSubstr("HTTP/1.1 206 Partial Content"));
  EXPECT_THAT(parts, HasSubstr("multipart/byteranges; boundary="));
  EXPECT_THAT(parts, HasSubstr("\r\n\r\n" + text_.substr(100, 5) + "\r\n--"));
  EXPECT_THAT(curl({"-i", "-r", "9999999-", file}), HasSubstr("HTTP/1.1 416 "));
  // What it has begun it goes on with.
  std::ofstream(folder_ / "half") << text_.substr(0, 1000);
  curl({"-C", "-", "-o", folder_ / "half", file});
  std::ifstream whole(folder_ / "half");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(whole), {}), text_);
}

TEST_F(NotesServiceTest, SendsAgainOnlyWhatHasChanged) {
  const std::string file = url("/files/lines.txt");
  const std::filesystem::path etag = folder_ / "etag";
  curl({"--etag-save", etag, "-o", "/dev/null", file});
  EXPECT_EQ(curl({"--etag-compare", etag, "-w", "%{http_code}", file}), "304");
}

TEST_F(NotesServiceTest, CompressesForThoseWhoAsk) {
  const std::string file = url("/files/lines.txt");
  for (const char* coding : {"gzip", "br"}) {
    const std::string head = curl({"-I", "-H", std::string("Accept-Encoding: ") + coding, file});
    EXPECT_THAT(head, HasSubstr(std::string("Content-Encoding: ") + coding));
  }
  EXPECT_EQ(curl({"--compressed", file}), text_);
  EXPECT_EQ(curl({"--compressed", "-H", "Accept-Encoding: gzip", file}), text_);
  const std::string size =
      curl({"-o", "/dev/null", "-w", "%{size_download}", "-H", "Accept-Encoding: gzip", file});
  EXPECT_LT(std::stoul(size), text_.size() / 2);
}

TEST_F(NotesServiceTest, TellsOfNewNotesWhileItsClientStays) {
  Process watcher(
      {"/usr/bin/curl", "-sSN", "--max-time", "20", url("/events"), "-o", (folder_ / "events").string()});
  const auto events = [this] {
    std::ifstream file(folder_ / "events");
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  // It may not be there yet when the first are written.
  std::string seen;
  for (int i = 0; i < 1000 && seen.find("data: note") == seen.npos; ++i) {
    curl({"--json", "{\"text\":\"note\"}", url("/notes")});
    seen = events();
  }
  EXPECT_THAT(seen, HasSubstr("data: note\n\n"));
  EXPECT_THAT(seen, HasSubstr("id: "));
  watcher.signal(SIGKILL);
}

TEST_F(NotesServiceTest, DrainsWhenItIsTold) {
  service_->signal(SIGTERM);
  EXPECT_EQ(service_->wait(20s), 0);
  EXPECT_THAT(service_->err(), HasSubstr("drained\n"));
}

}  // namespace
}  // namespace weir::testing

#include "tools/weir/check.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tools/weir/exit_code.h"
#include "tools/weir/terminal.h"
#include "weir/service/demo_config.h"

namespace weir::tools {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

struct Outcome {
  int exit_code;
  std::string out, err;
};

class Check : public testing::Test {
 protected:
  Check() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir_check_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    right_ = folder_ / "right.yaml";
    wrong_ = folder_ / "wrong.yaml";
    std::ofstream(right_) << service::demo_config();
    std::ofstream(wrong_) << "servce: x\n";
  }
  ~Check() override { std::filesystem::remove_all(folder_); }

  // As `weir <words>`.
  static Outcome run(std::vector<std::string> words) {
    CLI::App app("weir", "weir");
    Outcome outcome{.exit_code = -1, .out = {}, .err = {}};
    add_check(app, outcome.exit_code);
    std::ranges::reverse(words);  // as CLI11 takes them
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    app.parse(words);
    outcome.out = testing::internal::GetCapturedStdout();
    outcome.err = testing::internal::GetCapturedStderr();
    return outcome;
  }

  std::filesystem::path folder_;
  std::string right_, wrong_;
};

TEST_F(Check, PassesARightFile) {
  const Outcome outcome = run({"check", right_});
  EXPECT_EQ(outcome.exit_code, kPass);
  EXPECT_THAT(outcome.out, StartsWith("  demo listens on 127.0.0.1:8080"));
  EXPECT_THAT(outcome.out, EndsWith(right_ + ": ok\n"));
  EXPECT_THAT(outcome.err, IsEmpty());
}

TEST_F(Check, RefusesAWrongOneOnStdout) {
  const Outcome outcome = run({"check", wrong_});
  EXPECT_EQ(outcome.exit_code, kUsage);
  EXPECT_THAT(outcome.out, HasSubstr(wrong_ + ":1:1: error: unknown key \"servce\" at the top level"));
  EXPECT_THAT(outcome.err, IsEmpty());
}

TEST_F(Check, GoesThroughAllFilesWhateverIsWrongWithOne) {
  const Outcome outcome = run({"check", wrong_, folder_ / "missing.yaml", right_});
  EXPECT_EQ(outcome.exit_code, kUsage);
  EXPECT_THAT(outcome.out, HasSubstr("wrong.yaml:1:1: error"));
  EXPECT_THAT(outcome.out, HasSubstr("missing.yaml: error: cannot be read: No such file or directory"));
  EXPECT_THAT(outcome.out, EndsWith(right_ + ": ok\n"));
}

TEST_F(Check, PutsOverlaysOnAFileAndSaysWhereEachValueComesFrom) {
  const std::string over = folder_ / "over.yaml";
  std::ofstream(over) << "bounds: { inflight: { limit: 77 } }\n";
  const Outcome outcome = run({"check", right_, "--overlay", over});
  EXPECT_EQ(outcome.exit_code, kPass);
  EXPECT_THAT(outcome.out, HasSubstr("     77  "));
  const Outcome printed = run({"check", "--print", "--overlay", over, right_});
  EXPECT_EQ(printed.exit_code, kPass);
  EXPECT_THAT(printed.out, HasSubstr("limit: 77 "));
  EXPECT_THAT(printed.out, HasSubstr("# " + over + ":1:30\n"));
  EXPECT_THAT(printed.out, HasSubstr("# " + right_ + ":"));
}

TEST_F(Check, TellsAnOverlaysMistakeAtItsPlaceInTheOverlay) {
  const std::string over = folder_ / "over.yaml";
  std::ofstream(over) << "bounds: { inflight: { limit: 0 } }\n";
  const Outcome outcome = run({"check", right_, "--overlay", over});
  EXPECT_EQ(outcome.exit_code, kUsage);
  EXPECT_THAT(outcome.out, StartsWith(over + ":1:30: error: bounds.inflight.limit is 0"));
}

TEST_F(Check, PrintsOneLineOfJsonForEachFile) {
  const Outcome outcome = run({"check", "--json", wrong_, right_});
  EXPECT_EQ(outcome.exit_code, kUsage);
  EXPECT_EQ(std::ranges::count(outcome.out, '\n'), 2);
  EXPECT_THAT(outcome.out, StartsWith("{\"file\": \"" + wrong_ + "\", \"ok\": false"));
  EXPECT_THAT(outcome.out, HasSubstr("\n{\"file\": \"" + right_ + "\", \"ok\": true"));
}

TEST_F(Check, SaysHowItIsUsedWhenNoFileIsNamed) {
  const Outcome outcome = run({"check"});
  EXPECT_EQ(outcome.exit_code, kUsage);
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_THAT(outcome.err, StartsWith("weir check: which file?\n"));
  EXPECT_THAT(outcome.err, HasSubstr("Usage: weir check [OPTIONS] [files...]"));
}

// A terminal without anybody in front of it.
class Terminal {
 public:
  Terminal() : master_(posix_openpt(O_RDWR | O_NOCTTY)) {
    grantpt(master_);
    unlockpt(master_);
    stream_ = std::fopen(ptsname(master_), "w");
  }
  ~Terminal() {
    std::fclose(stream_);
    close(master_);
  }
  std::FILE* stream() const { return stream_; }

 private:
  int master_;
  std::FILE* stream_;
};

TEST(ShowsColour, OnATerminalUnlessNoColorIsSet) {
  const Terminal terminal;
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  EXPECT_TRUE(shows_colour(terminal.stream()));
  setenv("NO_COLOR", "", 1);  // no-color.org: when present and not empty
  EXPECT_TRUE(shows_colour(terminal.stream()));
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(shows_colour(terminal.stream()));
  unsetenv("NO_COLOR");
  setenv("TERM", "dumb", 1);
  EXPECT_FALSE(shows_colour(terminal.stream()));
  unsetenv("TERM");
  EXPECT_FALSE(shows_colour(terminal.stream()));
}

TEST(ShowsColour, NotInAFile) {
  setenv("TERM", "xterm", 1);
  std::FILE* file = std::tmpfile();
  EXPECT_FALSE(shows_colour(file));
  std::fclose(file);
}

}  // namespace
}  // namespace weir::tools

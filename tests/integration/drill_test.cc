// `weir drill` as a program, against a server of this process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "tests/integration/http_server_fixture.h"
#include "tests/integration/process.h"
#include "weir/core/limit.h"
#include "weir/core/sleep.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

constexpr Duration kPatience = 100s;

// As many at once as the limit says, 20 ms each; others are refused.
ServerUnderTest::Handle bounded_by(core::Limit& workers) {
  return [&workers](http::Exchange& exchange) -> core::task<> {
    const Result<core::Permit> permit = workers.try_acquire();
    if (permit && !co_await core::sleep_for(exchange.context(), 20ms)) co_return;
    (void)co_await exchange.respond({.status = permit ? 200 : 503}, "done");
  };
}

std::vector<std::string> command(const ServerUnderTest& server, std::vector<std::string> words) {
  // However late: this is not about the machine.
  words.insert(words.begin(), {WEIR_PROGRAM, "drill", "http://" + server.address().to_string() + "/",
                               "--timely", "1m", "--warm-up", "100ms", "--overload", "500ms", "--surge",
                               "500ms", "--rest", "1s", "--p99", "5s"});
  return words;
}

TEST(DrillProgram, SaysWhatBecameOfEachCheck) {
  core::Limit workers({.name = "workers", .limit = 4});
  ServerUnderTest server(bounded_by(workers), {.connections_max = 5000});
  const std::filesystem::path junit =
      std::filesystem::temp_directory_path() / ("weir_drill_" + std::to_string(::getpid()) + ".xml");
  Process program(command(server, {"--knee", "100", "--goodput", "0", "--recovery", "1m", "--good", "0",
                                   "--refusal", "1m", "--junit", junit, "--json"}));
  const std::optional<int> code = program.wait(kPatience);
  EXPECT_EQ(code, 0) << program.err();
  simdjson::dom::parser parser;
  const std::string json = program.out();
  simdjson::dom::element result;
  ASSERT_EQ(parser.parse(json).get(result), simdjson::SUCCESS) << json;
  EXPECT_EQ(double(result["knee_per_s"]), 100);
  EXPECT_EQ(result["checks"].get_array().value().size(), 5u);
  EXPECT_GT(std::uint64_t(result["surge"]["refused"]), 0u);
  EXPECT_GT(std::uint64_t(result["overload"]["good"]), 0u);
  std::ifstream file(junit);
  const std::string xml{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(xml, HasSubstr("tests=\"5\" failures=\"0\""));
  EXPECT_THAT(xml, HasSubstr("name=\"surge: recovery\""));
  std::filesystem::remove(junit);
}

TEST(DrillProgram, ACheckThatFailsIsAFinding) {
  core::Limit workers({.name = "workers", .limit = 4});
  ServerUnderTest server(bounded_by(workers), {.connections_max = 5000});
  // 100 a second are no trouble: nothing is refused, which the check wants to see.
  Process program(command(server, {"--knee", "50", "--refusal", "1ns"}));
  const std::optional<int> code = program.wait(kPatience);
  EXPECT_EQ(code, 1) << program.out() << program.err();
  EXPECT_THAT(program.out(), HasSubstr("FAIL"));
}

TEST(DrillProgram, InterruptedItShowsTheChecksThatWereMade) {
  core::Limit workers({.name = "workers", .limit = 100});
  ServerUnderTest server(bounded_by(workers), {.connections_max = 5000});
  Process program(command(server, {"--from", "50", "--step", "10m"}));
  ASSERT_TRUE(server.wait_for([](const auto& stats) { return stats.replies >= 5; }));
  program.signal(SIGINT);
  EXPECT_EQ(program.wait(kPatience), 130) << program.err();
  EXPECT_THAT(program.out(), HasSubstr("Interrupted"));
}

TEST(DrillProgram, WhatCannotStartIsSaidAtOnce) {
  std::vector<std::string> words;
  {
    core::Limit workers({.name = "workers", .limit = 1});
    const ServerUnderTest server(bounded_by(workers));
    words = command(server, {"--knee", "10"});
  }
  Process unreachable(words);
  EXPECT_EQ(unreachable.wait(kPatience), 2);
  EXPECT_THAT(unreachable.err(), HasSubstr("cannot connect to 127.0.0.1:"));
  Process backwards({WEIR_PROGRAM, "drill", "http://127.0.0.1:1/", "--from", "10", "--to", "5"});
  EXPECT_EQ(backwards.wait(kPatience), 2);
  EXPECT_THAT(backwards.err(), HasSubstr("--to: is below --from"));
}

}  // namespace
}  // namespace weir::testing

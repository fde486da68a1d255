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
#include "tests/integration/temporary_file.h"
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
  EXPECT_EQ(result["checks"].get_array().value().size(), 6u);
  EXPECT_GT(std::uint64_t(result["surge"]["refused"]), 0u);
  EXPECT_GT(std::uint64_t(result["overload"]["good"]), 0u);
  std::ifstream file(junit);
  const std::string xml{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(xml, HasSubstr("tests=\"6\" failures=\"0\""));
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

TEST(DrillProgram, SpeaksHttp2WhereItIsAskedTo) {
  core::Limit workers({.name = "workers", .limit = 100});
  ServerUnderTest server(bounded_by(workers), {.connections_max = 5000});
  Process program(command(server, {"--from", "50", "--step", "10m", "--http2"}));
  ASSERT_TRUE(server.wait_for([](const auto& stats) { return stats.replies >= 5; })) << program.err();
  const auto stats = server.stats();
  EXPECT_GE(stats.connections_http2, 1U);
  // One that looks whether anybody is there says nothing.
  EXPECT_LE(stats.connections_accepted, stats.connections_http2 + 1);
  program.signal(SIGINT);
  EXPECT_EQ(program.wait(kPatience), 130) << program.err();
}

// Below those that the kernel gives out, and another one for each process.
std::uint16_t own_port() { return static_cast<std::uint16_t>(10'000 + ::getpid() % 20'000); }

TEST(DrillProgram, WithAScenarioItIsDrilledBelowTheKneeWhileFaultsAreDone) {
  ServerUnderTest server(
      [](http::Exchange& exchange) -> core::task<> {
        (void)co_await exchange.respond(exchange.reply_head(), "fine");
      },
      {.connections_max = 1000});
  const std::string proxy = "127.0.0.1:" + std::to_string(own_port());
  const TemporaryFile scenario("proxies:\n  - { name: service, listen: \"" + proxy + "\", upstream: \"" +
                               server.address().to_string() +
                               "\", protocol: http }\nevents:\n"
                               "  - { at: 0s, for: 2s, on: service, fault: status, status: 503 }\n");
  const TemporaryFile thresholds(
      "objective: { p99: 5s }\n"
      "chaos: { times: 1, lead: 1s, rest_for: 3s, good: 0, refusal_p99: 5s, recovery: 10s }\n");
  Process program({WEIR_PROGRAM, "drill", "http://" + proxy + "/", "--knee", "100", "--only", "chaos",
                   "--timely", "1m", "--chaos", scenario.path(), "--thresholds", thresholds.path(),
                   "--json"});
  const std::optional<int> code = program.wait(kPatience);
  EXPECT_EQ(code, 0) << program.out() << program.err();
  simdjson::dom::parser parser;
  const std::string json = program.out();
  simdjson::dom::element result;
  ASSERT_EQ(parser.parse(json).get(result), simdjson::SUCCESS) << json;
  EXPECT_GT(std::uint64_t(result["chaos"]["refused"]), 50u);
  EXPECT_GT(std::uint64_t(result["chaos"]["good"]), 100u);
  EXPECT_EQ(result["checks"].get_array().value().size(), 5u);
  EXPECT_THAT(program.err(), HasSubstr("status on service: over"));
}

TEST(DrillProgram, AScenarioThatItCannotPlayIsRefused) {
  const TemporaryFile within("events:\n  - { at: 0s, for: 1s, fault: tasks, count: 10 }\n");
  Process elsewhere({WEIR_PROGRAM, "drill", "http://127.0.0.1:1/", "--knee", "1", "--chaos", within.path()});
  EXPECT_EQ(elsewhere.wait(kPatience), 2);
  EXPECT_THAT(elsewhere.err(), HasSubstr(within.path() + ":2:"));
  const TemporaryFile wrong("\nsurge: { times: none }\n");
  Process thresholds({WEIR_PROGRAM, "drill", "http://127.0.0.1:1/", "--thresholds", wrong.path()});
  EXPECT_EQ(thresholds.wait(kPatience), 2);
  EXPECT_THAT(thresholds.err(), HasSubstr(wrong.path() + ":2: times: is a number"));
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

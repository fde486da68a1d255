// `weir load` as a program, against a server of this process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/integration/http_server_fixture.h"
#include "tests/integration/process.h"
#include "tests/integration/verb.h"
#include "weir/core/sleep.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

core::task<> say_ok(http::Exchange& exchange) { (void)co_await exchange.respond({}, "ok"); }
core::task<> say_nothing(http::Exchange& exchange) { (void)co_await core::sleep_for(exchange.context(), 1h); }

Ended run(std::vector<std::string> words) { return run_verb("load", std::move(words)); }

std::string url_of(const ServerUnderTest& server) { return "http://" + server.address().to_string() + "/"; }

TEST(LoadProgram, MeasuresAndSaysHowItWent) {
  ServerUnderTest server(say_ok);
  // However late: this is not about the machine.
  const Ended held = run({"-r", "100", "-d", "500ms", "--timely", "1m", "--json", url_of(server)});
  EXPECT_EQ(held.code, 0) << held.err;
  EXPECT_EQ(held.number("sent"), 50);
  EXPECT_EQ(held.number("good"), 50);
  EXPECT_EQ(held.text("verdict"), "held");
  EXPECT_THAT(held.text("command"), HasSubstr("weir load -r 100 -d 500ms"));
  const Ended table = run({"--closed", "2", "-d", "200ms", url_of(server)});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("closed loop"));
  EXPECT_THAT(table.out, HasSubstr("status 200"));
}

TEST(LoadProgram, WhatItCouldNotSendMakesItInconclusive) {
  ServerUnderTest server(say_nothing);
  const Ended run_over = run(
      {"-r", "50", "-d", "200ms", "--inflight", "1", "--timeout", "1s", "--timely", "1m", url_of(server)});
  EXPECT_EQ(run_over.code, 3) << run_over.err;
  EXPECT_THAT(run_over.out, HasSubstr("9 were not sent: 1 were in flight"));
}

TEST(LoadProgram, InterruptedItReportsWhatWasMeasured) {
  ServerUnderTest server(say_ok);
  Process program(verb_command("load", {"-r", "100", "-d", "1h", "--json", url_of(server)}));
  ASSERT_TRUE(server.wait_for([](const auto& stats) { return stats.replies >= 10; }));
  program.signal(SIGINT);
  const Ended stopped = wait_for_end(program);
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_EQ(stopped.text("verdict"), "interrupted");
  EXPECT_GE(stopped.number("sent"), 10);
}

TEST(LoadProgram, ResultsAreWrittenAndAddedUp) {
  ServerUnderTest server(say_ok);
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("weir_load_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::string a = folder / "a.json";
  const std::string b = folder / "b.json";
  for (const std::string& file : {a, b}) {
    const Ended part = run({"-r", "100", "-d", "300ms", "--timely", "1m", "--out", file, "--hgrm",
                            file + ".hgrm", url_of(server)});
    EXPECT_EQ(part.code, 0) << part.err;
  }
  EXPECT_GT(std::filesystem::file_size(a + ".hgrm"), 100u);
  const Ended sum = run({"--merge", a, b, "--json"});
  EXPECT_EQ(sum.code, 0) << sum.err;
  EXPECT_EQ(sum.number("sent"), 60);
  EXPECT_EQ(sum.number("generators"), 2);
  std::ofstream(b) << "{}";
  const Ended wrong = run({"--merge", a, b});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("b.json: is not what weir load --out writes"));
  std::filesystem::remove_all(folder);
}

TEST(LoadProgram, AResultThatCannotBeWrittenIsNoSuccess) {
  ServerUnderTest server(say_ok);
  const Ended full =
      run({"-r", "100", "-d", "100ms", "--timely", "1m", "--out", "/dev/full", url_of(server)});
  EXPECT_EQ(full.code, 4);
  EXPECT_THAT(full.err, HasSubstr("/dev/full: No space left on device"));
}

TEST(LoadProgram, AUrlThatRedirectsIsAFinding) {
  ServerUnderTest server(
      [](http::Exchange& exchange) -> core::task<> { (void)co_await exchange.respond({.status = 302}, ""); });
  const Ended redirected = run({"-r", "100", "-d", "100ms", "--timely", "1m", url_of(server)});
  EXPECT_EQ(redirected.code, 1);
  EXPECT_THAT(redirected.out, HasSubstr("give the URL that they lead to"));
}

TEST(LoadProgram, WhatCannotStartIsSaidAtOnce) {
  const auto refused = [](std::vector<std::string> words, const char* why) {
    const Ended refused = run(std::move(words));
    EXPECT_EQ(refused.code, 2) << refused.err;
    EXPECT_THAT(refused.err, HasSubstr(why));
    EXPECT_EQ(refused.out, "");
  };
  std::string nobody;
  {
    const ServerUnderTest server(say_ok);
    nobody = url_of(server);
  }
  refused({"-r", "1", nobody}, "cannot connect to 127.0.0.1:");
  refused({"-r", "1", "http://no-such-host.invalid/"}, "no address is known for \"no-such-host.invalid\"");
  refused({"-r", "1", "--cacert", "/no/such.pem", "https://127.0.0.1/"}, "/no/such.pem");
  refused({"-r", "1"}, "URL");
  refused({nobody}, "say how many requests a second");
  refused({"-r", "fast", nobody}, "\"fast\" is no rate");
  refused({"-r", "1", "--poisson", "--closed", "3", nobody}, "excludes");
  refused({"--replay", "/no/such/file", nobody}, "/no/such/file");
  refused({"-r", "1", "--mix", "/no/such/mix.yaml", nobody}, "/no/such/mix.yaml: cannot be read");
  refused({"-r", "1", "-H", "no colon", nobody}, "is not \"Name: value\"");
}

}  // namespace
}  // namespace weir::testing

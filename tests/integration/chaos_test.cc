// `weir chaos` as a program, before a server of this process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/integration/bad_upstream.h"
#include "tests/integration/process.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/temporary_file.h"
#include "tests/integration/upstream_scripts.h"
#include "tests/integration/verb.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

// One proxy, on a free port.
std::string scenario(const std::string& length, const net::SocketAddress& upstream, const std::string& events,
                     const std::string& protocol = "tcp") {
  return fmt::format(
      "length: {}\nproxies:\n  - {{ name: p, listen: 127.0.0.1:0, upstream: {}, protocol: {} }}\n{}{}",
      length, upstream.to_string(), protocol, events.empty() ? "" : "events:\n", events);
}

class ChaosProcess {
 public:
  ChaosProcess(const std::string& file, std::vector<std::string> words = {})
      : process_(verb_command("chaos", with(file, std::move(words)))) {
    EXPECT_TRUE(process_.wait_for_err(", before ", 20s)) << process_.err();
    const std::string err = process_.err();
    const std::string mark = "listens on ";
    const std::size_t at = err.find(mark) + mark.size();
    address_ = net::SocketAddress::parse(err.substr(at, err.find(',', at) - at)).value();
  }

  Process& process() { return process_; }
  const net::SocketAddress& address() const { return address_; }
  // The process that passes the bytes; the other watches it.
  pid_t worker() const {
    for (;;) {
      std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", process_.pid()));
      if (pid_t child = 0; children >> child) return child;
    }
  }

 private:
  static std::vector<std::string> with(const std::string& file, std::vector<std::string> words) {
    words.insert(words.begin(), file);
    return words;
  }

  Process process_;
  net::SocketAddress address_;
};

void serve_hello(BadUpstream::Peer& peer) { peer.serve(ok("hello")); }

TEST(ChaosProgram, PlaysItsScenarioAndEndsByItself) {
  BadUpstream upstream(serve_hello);
  const TemporaryFile file(scenario(
      "1s", upstream.address(), "  - { at: 0s, for: 500ms, on: p, fault: status, status: 418 }\n", "http"));
  ChaosProcess chaos(file.path(), {"--json"});
  // However the machine shares out the time: what was seen is what is reported.
  int injected = 0;
  while (!chaos.process().wait(Duration::zero())) {
    std::optional<RawClient> client = RawClient::try_connect(chaos.address());
    if (!client) continue;
    const Reply reply = client->ask(get("/"));
    if (reply.status == 418) ++injected;
    if (reply.status == 200) EXPECT_EQ(reply.body, "hello");
  }
  const Ended ended = wait_for_end(chaos.process());
  EXPECT_EQ(ended.code, injected > 0 ? 0 : 3) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr(fmt::format("\"hit\":{0},\"done\":{0},", injected)));
  EXPECT_THAT(ended.err, HasSubstr("on: status on p"));
  EXPECT_THAT(ended.err, HasSubstr("on: nothing"));
}

TEST(ChaosProgram, AFaultWithNothingToDoItToIsInconclusive) {
  BadUpstream upstream(serve_hello);
  const TemporaryFile file(
      scenario("200ms", upstream.address(), "  - { at: 0s, for: 100ms, on: p, fault: reset }\n"));
  const Ended ended = run_verb("chaos", {file.path()});
  EXPECT_EQ(ended.code, 3) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("reset on p"));
  EXPECT_THAT(ended.out, HasSubstr("nothing to do it to"));
}

TEST(ChaosProgram, InterruptedItLiftsItsFaultsAndReports) {
  BadUpstream upstream(serve_hello);
  const TemporaryFile file(
      scenario("1h", upstream.address(),
               "  - { at: 0s, for: 1h, on: p, fault: delay, delay: 1h, direction: down }\n"));
  ChaosProcess chaos(file.path(), {"--json", "--drain", "20s"});
  ASSERT_TRUE(chaos.process().wait_for_err("on: delay on p", 20s));
  RawClient client(chaos.address());
  ASSERT_TRUE(client.send(get("/")));
  while (upstream.accepted() == 0) {
  }
  chaos.process().signal(SIGINT);
  // What was held comes, and the connection may end in good order.
  EXPECT_EQ(client.read_reply().body, "hello");
  client.close();
  const Ended ended = wait_for_end(chaos.process());
  EXPECT_EQ(ended.code, 130) << ended.err;
  EXPECT_EQ(ended.text("verdict"), "interrupted");
  EXPECT_EQ(ended.number("cut_off"), 0);
}

TEST(ChaosProgram, WhenItIsKilledBytesPassWithoutFaults) {
  BadUpstream upstream(serve_hello);
  const TemporaryFile file(
      scenario("1h", upstream.address(), "  - { at: 0s, for: 1h, on: p, fault: truncate, after: 1 }\n"));
  ChaosProcess chaos(file.path());
  ASSERT_TRUE(chaos.process().wait_for_err("on: truncate on p", 20s));
  EXPECT_EQ(ask_once(chaos.address(), get("/")).status, 0);
  const pid_t worker = chaos.worker();
  ASSERT_EQ(::kill(worker, SIGKILL), 0);
  ASSERT_TRUE(chaos.process().wait_for_err("goes on without any fault", 20s));
  // The sockets were there all the time: whoever connects is served by the next.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask_once(chaos.address(), get("/")).body, "hello");
  EXPECT_NE(chaos.worker(), worker);
  chaos.process().signal(SIGTERM);
  EXPECT_EQ(wait_for_end(chaos.process()).code, 130);
}

TEST(ChaosProgram, WhenItsWatcherIsKilledItEnds) {
  BadUpstream upstream(serve_hello);
  const TemporaryFile file(scenario("1h", upstream.address(), ""));
  ChaosProcess chaos(file.path());
  EXPECT_EQ(ask_once(chaos.address(), get("/")).body, "hello");
  chaos.process().signal(SIGKILL);
  EXPECT_EQ(chaos.process().wait(20s), 128 + SIGKILL);
  while (RawClient::try_connect(chaos.address())) {
  }
}

TEST(ChaosProgram, LargePayloadsPassUnchangedBothWays) {
  const std::string text = pattern(5'000'000);
  std::string seen;
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    seen = peer.read_bytes(text.size());
    peer.write(text);
  });
  const TemporaryFile file(scenario("1h", upstream.address(), ""));
  ChaosProcess chaos(file.path());
  RawClient client(chaos.address());
  ASSERT_TRUE(client.send(text));
  client.shut_write();
  EXPECT_TRUE(client.read_to_end() == text);
  EXPECT_EQ(client.ending(), Ending::closed);
  upstream.wait_ended(1);
  EXPECT_TRUE(seen == text);
}

TEST(ChaosProgram, StayingItPassesBytesWhenItIsOver) {
  BadUpstream upstream(serve_hello);
  const TemporaryFile file(
      scenario("2ms", upstream.address(), "  - { at: 0s, for: 1ms, on: p, fault: refuse }\n"));
  ChaosProcess chaos(file.path(), {"--stay"});
  ASSERT_TRUE(chaos.process().wait_for_err("on: nothing; it is over", 20s));
  EXPECT_EQ(ask_once(chaos.address(), get("/")).body, "hello");
  chaos.process().signal(SIGTERM);
  const Ended ended = wait_for_end(chaos.process());
  EXPECT_EQ(ended.code, 3) << "nobody came while it lasted: " << ended.err;
}

TEST(ChaosProgram, WithoutAFileItIsOneProxyWithItsFaults) {
  BadUpstream upstream(serve_hello);
  ChaosProcess chaos("--listen", {"127.0.0.1:0", "--upstream", upstream.address().to_string(), "--http",
                                  "--fault", "status, status: 404", "--json"});
  ASSERT_TRUE(chaos.process().wait_for_err("on: status on proxy", 20s));
  EXPECT_EQ(ask_once(chaos.address(), get("/")).status, 404);
  chaos.process().signal(SIGINT);
  const Ended ended = wait_for_end(chaos.process());
  EXPECT_EQ(ended.code, 130) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("\"done\":1,"));
  const Ended wrong =
      run_verb("chaos", {"--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:9", "--fault", "delay"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("options:5:"));
  EXPECT_EQ(run_verb("chaos", {}).code, 2);
}

TEST(ChaosProgram, TheExampleIsRight) {
  const Ended checked = run_verb("chaos", {"--check", "docs/examples/chaos.yaml"});
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_EQ(checked.err, "");
}

TEST(ChaosProgram, WhatCannotStartIsSaidAtOnce) {
  const auto refused = [](const std::string& text, const char* why) {
    const TemporaryFile file(text);
    const Ended ended = run_verb("chaos", {file.path()});
    EXPECT_EQ(ended.code, 2) << ended.err;
    EXPECT_THAT(ended.err, HasSubstr(why));
    EXPECT_EQ(ended.out, "");
  };
  const net::SocketAddress nobody = net::SocketAddress::parse("127.0.0.1:9").value();
  const RefusingPort taken;
  refused("length: 1s\n", "declares no proxies");
  refused(scenario("1s", nobody, "  - { at: 0s, for: 1s, on: q, fault: reset }\n"), "\"q\"");
  refused(scenario("1s", nobody, "  - { at: 0s, for: 1s, fault: tasks, count: 10 }\n"),
          ":5:5: error: tasks is a fault within a program");
  refused(fmt::format("length: 1s\nproxies:\n  - {{ name: p, listen: \"{}\", upstream: \"127.0.0.1:9\", "
                      "protocol: tcp }}\n",
                      taken.address().to_string()),
          "proxy p cannot listen on 127.0.0.1:");
  EXPECT_EQ(run_verb("chaos", {"/no/such/file.yaml"}).code, 2);
  const TemporaryFile right(scenario("1s", nobody, ""));
  const Ended checked = run_verb("chaos", {"--check", right.path()});
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_THAT(checked.out, HasSubstr("1 proxies, 0 events, 1s"));
}

}  // namespace
}  // namespace weir::testing

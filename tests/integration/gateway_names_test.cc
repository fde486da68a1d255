// A target's name that moves while the gateway runs: with an /etc/hosts of the test's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <string>
#include <thread>

#include "tests/integration/gateway_process.h"
#include "tests/integration/temporary_file.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

// This thread, and what it starts from now on, sees `file` as /etc/hosts. False: not
// allowed here.
bool enter_own_hosts(const std::string& file) {
  return ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount(file.c_str(), "/etc/hosts", nullptr, MS_BIND, nullptr) == 0;
}

void move_a_name(const TemporaryFile& hosts) {
  Recorder recorder(ok("found"));
  BadUpstream upstream(recorder.script());
  const std::string url = "http://catalog.weir.test:" + std::to_string(upstream.address().port());
  const GatewayProcess gateway(
      {.upstreams = {{"u", url, "inflight: 5, timeout: 5s, connections: { resolve: 1s }"}}});
  EXPECT_EQ(ask_once(gateway.address(), get("/u/")).status, 502) << "nobody is at 127.0.0.5";
  hosts.write("127.0.0.1 catalog.weir.test\n");
  EXPECT_TRUE(becomes_true([&] { return ask_once(gateway.address(), get("/u/")).body == "found"; }));
  // A name that is gone leaves what was known of it.
  hosts.write("127.0.0.1 other.weir.test\n");
  const std::string asked = "weir_target_resolutions_total{upstream=\"u\",target=\"" + url + "\",result=\"";
  const double before = gateway.metric(asked + "failed\"}").value_or(0);
  EXPECT_TRUE(becomes_true([&] { return gateway.metric(asked + "failed\"}").value_or(0) > before; }));
  EXPECT_EQ(ask_once(gateway.address(), get("/u/")).body, "found");
}

TEST(GatewayNames, AreFollowedWhereTheyMove) {
  bool allowed = true;
  std::thread([&allowed] {
    const TemporaryFile hosts("127.0.0.5 catalog.weir.test\n");
    allowed = enter_own_hosts(hosts.path());
    if (allowed) move_a_name(hosts);
  }).join();
  if (!allowed) GTEST_SKIP() << "needs the right to mount";
}

}  // namespace
}  // namespace weir::testing

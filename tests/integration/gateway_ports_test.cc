// When no local port is left: in a network of its own, which has two.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "tests/integration/bad_upstream.h"
#include "tests/integration/gate.h"
#include "tests/integration/gateway_process.h"
#include "tests/integration/upstream_scripts.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

// This thread, and what it starts from now on, in a network with a loopback and
// nothing else. False: not allowed here.
bool enter_own_network() {
  if (::unshare(CLONE_NEWNET) != 0) return false;
  const int any = ::socket(AF_INET, SOCK_DGRAM, 0);
  ifreq loopback{};
  std::strncpy(loopback.ifr_name, "lo", IFNAMSIZ - 1);
  loopback.ifr_flags = IFF_UP;
  const bool up = ::ioctl(any, SIOCSIFFLAGS, &loopback) == 0;
  ::close(any);
  return up;
}

bool set_ports(const char* range) {
  std::ofstream file("/proc/sys/net/ipv4/ip_local_port_range");
  file << range << std::flush;
  return file.good();
}

void run_out_of_ports() {
  Gate gate;
  BadUpstream upstream([&](BadUpstream::Peer& peer) {
    while (!peer.read_head().empty()) {
      if (!gate.wait() || !peer.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")) return;
    }
  });
  const GatewayProcess gateway({.upstreams = {{"u", upstream.address(), "inflight: 5"}}});
  RawClient first(gateway.address());
  RawClient second(gateway.address());
  RawClient third(gateway.address());
  if (!set_ports("40000 40001")) GTEST_SKIP() << "needs the right to say which ports there are";
  first.send(get("/u/"));
  second.send(get("/u/"));
  ASSERT_TRUE(gate.wait_arrived(2));
  const Reply reply = third.ask(get("/u/"));
  EXPECT_EQ(reply.status, 503);
  EXPECT_THAT(reply.body, HasSubstr("\"reason\":\"no_port\""));
  EXPECT_TRUE(gateway.counts("u", "refused_ports", 1));
  gate.open();
  EXPECT_EQ(first.read_reply().status, 200);
  EXPECT_EQ(second.read_reply().status, 200);
  // Those two connections are there for others now.
  EXPECT_EQ(third.ask(get("/u/")).status, 200);
}

TEST(GatewayPorts, WhereNoneIsLeftItIsARefusalOfItsOwn) {
  bool allowed = true;
  std::thread([&allowed] {
    allowed = enter_own_network();
    if (allowed) run_out_of_ports();
  }).join();
  if (!allowed) GTEST_SKIP() << "needs the right to make networks";
}

}  // namespace
}  // namespace weir::testing

#include "weir/net/network.h"

#include <gtest/gtest.h>

namespace weir::net {
namespace {

SocketAddress at(std::string_view text) { return *SocketAddress::parse(text); }
Network network(std::string_view text) { return *Network::parse(text); }

TEST(Network, HasTheAddressesThatBeginAsItDoes) {
  EXPECT_TRUE(network("10.0.0.0/8").contains(at("10.255.0.1:80")));
  EXPECT_FALSE(network("10.0.0.0/8").contains(at("11.0.0.1:80")));
  EXPECT_TRUE(network("10.1.2.128/25").contains(at("10.1.2.200:1")));
  EXPECT_FALSE(network("10.1.2.128/25").contains(at("10.1.2.127:1")));
  EXPECT_TRUE(network("127.0.0.1").contains(at("127.0.0.1:1")));
  EXPECT_FALSE(network("127.0.0.1").contains(at("127.0.0.2:1")));
  EXPECT_TRUE(network("0.0.0.0/0").contains(at("8.8.8.8:53")));
  EXPECT_FALSE(network("0.0.0.0/0").contains(at("[2001:db8::1]:1")));
  EXPECT_TRUE(network("2001:db8::/32").contains(at("[2001:db8:ffff::1]:1")));
  EXPECT_FALSE(network("2001:db8::/32").contains(at("[2001:db9::1]:1")));
  EXPECT_TRUE(network("::/0").contains(at("[fe80::1]:1")));
}

TEST(Network, TakesAnIpv4AddressOverIpv6ForWhatItIs) {
  EXPECT_TRUE(network("10.0.0.0/8").contains(at("[::ffff:10.1.1.1]:1")));
  EXPECT_FALSE(network("10.0.0.0/8").contains(at("[::ffff:11.1.1.1]:1")));
}

TEST(Network, IsWrittenAsItIsRead) {
  for (const char* text : {"10.0.0.0/8", "127.0.0.1/32", "2001:db8::/32", "::1/128", "0.0.0.0/0"}) {
    EXPECT_EQ(network(text).to_string(), text);
  }
  EXPECT_EQ(network("10.0.0.1"), network("10.0.0.1/32"));
}

TEST(Network, RefusesWhatIsNone) {
  for (const char* text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0/8", "10.0.0.1/8",
        "2001:db8::1/32", "::/129", "[::1]/128", "localhost", "10.0.0.0/8/8", "10.0.0.0 /8", "example.com"}) {
    EXPECT_FALSE(Network::parse(text)) << text;
  }
}

}  // namespace
}  // namespace weir::net

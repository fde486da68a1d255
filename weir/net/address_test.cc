#include "weir/net/address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>

namespace weir::net {
namespace {

TEST(SocketAddress, WhatIsParsedIsWrittenTheSame) {
  for (const std::string text : {"127.0.0.1:8080", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80", "[::]:0",
                                 "[2001:db8::7]:443", "[::ffff:10.0.0.1]:1"}) {
    const Result<SocketAddress> address = SocketAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
}

TEST(SocketAddress, LocalhostIsTheLoopbackAddress) {
  const Result<SocketAddress> address = SocketAddress::parse("localhost:80");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->to_string(), "127.0.0.1:80");
}

TEST(SocketAddress, WhatIsNoAddressIsRefused) {
  for (const std::string text : {"",
                                 ":",
                                 ":80",
                                 "127.0.0.1",
                                 "127.0.0.1:",
                                 "127.0.0.1:65536",
                                 "127.0.0.1:-1",
                                 "127.0.0.1:+1",
                                 "127.0.0.1:80x",
                                 "127.0.0.1: 80",
                                 "127.0.0:80",
                                 "256.0.0.1:80",
                                 "example.com:80",
                                 "::1:80",
                                 "[::1]",
                                 "[::1]80",
                                 "[::1",
                                 "::1]:80",
                                 "[127.0.0.1]:80",
                                 "[localhost]:80",
                                 "[]:80",
                                 "[::g]:80"}) {
    const Result<SocketAddress> address = SocketAddress::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().kind, ErrorKind::invalid);
    EXPECT_EQ(address.error().reason, Reason::malformed);
  }
}

TEST(SocketAddress, ItsPartsAreThere) {
  const SocketAddress v6 = *SocketAddress::parse("[::1]:80");
  EXPECT_TRUE(v6.is_ipv6());
  EXPECT_EQ(v6.host(), "::1");
  EXPECT_EQ(v6.port(), 80);
  EXPECT_EQ(v6.native_size(), sizeof(sockaddr_in6));
  const SocketAddress v4 = *SocketAddress::parse("10.1.2.3:8080");
  EXPECT_FALSE(v4.is_ipv6());
  EXPECT_EQ(v4.host(), "10.1.2.3");
  EXPECT_EQ(v4.port(), 8080);
  EXPECT_EQ(v4.native_size(), sizeof(sockaddr_in));
  EXPECT_EQ(SocketAddress::parse("255.255.255.255:1")->host(), "255.255.255.255");
  EXPECT_EQ(SocketAddress().to_string(), "0.0.0.0:0");
}

TEST(SocketAddress, AddressesAreEqualWhenHostPortAndFamilyAre) {
  const SocketAddress address = *SocketAddress::parse("127.0.0.1:80");
  EXPECT_EQ(address, *SocketAddress::parse("127.0.0.1:80"));
  EXPECT_EQ(address, SocketAddress::parse("127.0.0.1:81")->with_port(80));
  EXPECT_NE(address, *SocketAddress::parse("127.0.0.2:80"));
  EXPECT_NE(address, *SocketAddress::parse("[::1]:80"));
  EXPECT_NE(*SocketAddress::parse("[::]:80"), *SocketAddress::parse("0.0.0.0:80"));
}

TEST(SocketAddress, NumbersAndLocalhostAreResolvedWithoutANetwork) {
  ASSERT_TRUE(resolve("127.0.0.1", 80));
  EXPECT_EQ(resolve("127.0.0.1", 80)->to_string(), "127.0.0.1:80");
  EXPECT_EQ(resolve("::1", 80)->to_string(), "[::1]:80");
  EXPECT_TRUE(resolve("localhost", 80));
}

TEST(SocketAddress, ANameThatCannotExistIsUnresolved) {
  const Result<SocketAddress> address = resolve("no such name.invalid", 80);
  ASSERT_FALSE(address);
  EXPECT_EQ(address.error().reason, Reason::unresolved);
}

}  // namespace
}  // namespace weir::net

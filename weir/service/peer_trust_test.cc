#include "weir/service/peer_trust.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::service {
namespace {

net::SocketAddress at(std::string_view text) { return *net::SocketAddress::parse(text); }

std::string client(std::string_view peer, std::string_view name, std::string_view value,
                   PeerTrust::Field field = PeerTrust::Field::x_forwarded_for) {
  const PeerTrust trust({*net::Network::parse("10.0.0.0/8")}, field);
  http::Headers headers;
  headers.add(name, value);
  return trust.client(headers, at(peer)).host();
}

TEST(PeerTrust, APeerThatIsNotTrustedIsTheClient) {
  EXPECT_EQ(client("192.0.2.1:80", "X-Forwarded-For", "1.1.1.1"), "192.0.2.1");
  http::Headers headers;
  headers.add("X-Forwarded-For", "1.1.1.1");
  EXPECT_EQ(PeerTrust().client(headers, at("10.0.0.1:80")).host(), "10.0.0.1");
}

TEST(PeerTrust, TheClientIsTheFirstThatIsNotTrustedFromTheRight) {
  EXPECT_EQ(client("10.0.0.1:80", "X-Forwarded-For", "1.1.1.1"), "1.1.1.1");
  EXPECT_EQ(client("10.0.0.1:80", "X-Forwarded-For", "6.6.6.6, 1.1.1.1, 10.0.0.2"), "1.1.1.1");
  EXPECT_EQ(client("10.0.0.1:80", "X-Forwarded-For", "10.0.0.3, 10.0.0.2"), "10.0.0.3");
  EXPECT_EQ(client("10.0.0.1:80", "X-Forwarded-For", "1.1.1.1, unknown"), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1:80", "X-Forwarded-For", "1.1.1.1, rubbish, 10.0.0.2"), "10.0.0.2");
  EXPECT_EQ(client("10.0.0.1:80", "X-Other", "1.1.1.1"), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1:80", "X-Forwarded-For", "2001:db8::1"), "2001:db8::1");
}

TEST(PeerTrust, OnlyTheFieldThatTheProxiesKeepIsBelieved) {
  using enum PeerTrust::Field;
  EXPECT_EQ(client("10.0.0.1:80", "Forwarded", "for=1.1.1.1"), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1:80", "Forwarded", "for=6.6.6.6, for=\"1.1.1.1:99\"", forwarded), "1.1.1.1");
  EXPECT_EQ(client("10.0.0.1:80", "X-Forwarded-For", "1.1.1.1", forwarded), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1:80", "Forwarded", "for=1.1.1.1;;", forwarded), "10.0.0.1");
}

TEST(PeerTrust, AnIdIsTakenFromATrustedPeerOnly) {
  const PeerTrust trust({*net::Network::parse("10.0.0.0/8")}, PeerTrust::Field::forwarded);
  http::Headers headers;
  headers.add("X-Request-ID", "abc-1");
  EXPECT_EQ(trust.id(headers, at("10.0.0.1:1")).text(), "abc-1");
  EXPECT_NE(trust.id(headers, at("192.0.2.1:1")).text(), "abc-1");
  headers.set("X-Request-ID", "not \"well\"-formed");
  EXPECT_EQ(trust.id(headers, at("10.0.0.1:1")).text().size(), 32u);
}

}  // namespace
}  // namespace weir::service

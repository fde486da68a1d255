#include "weir/service/address.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace weir::service {
namespace {

struct Wrong {
  std::string_view text, words;
};

TEST(ListenAddress, IsAHostAndAPort) {
  EXPECT_EQ(parse_listen_address("127.0.0.1:8080"), (HostPort{"127.0.0.1", 8080}));
  EXPECT_EQ(parse_listen_address("0.0.0.0:0"), (HostPort{"0.0.0.0", 0}));
  EXPECT_EQ(parse_listen_address("[::1]:65535"), (HostPort{"::1", 65535}));
  EXPECT_EQ(parse_listen_address("localhost:1"), (HostPort{"localhost", 1}));
  EXPECT_EQ(parse_listen_address("a-b.example.com:80"), (HostPort{"a-b.example.com", 80}));
}

TEST(ListenAddress, IsWrittenAsItIsRead) {
  for (const std::string_view text : {"127.0.0.1:8080", "[::1]:0", "localhost:80"}) {
    EXPECT_EQ(parse_listen_address(text)->text(), text);
  }
}

TEST(ListenAddress, IsRefusedWithWhatWouldBeRight) {
  for (const auto& [text, words] : {
           Wrong{"8080", "\"8080\" has no host; write 127.0.0.1:8080, or 0.0.0.0:8080 for all interfaces"},
           Wrong{":8080",
                 "\":8080\" has no host; write 127.0.0.1 before the ':', or 0.0.0.0 for all interfaces"},
           Wrong{"localhost", "\"localhost\" has no port; write \"localhost:8080\""},
           Wrong{"localhost:", "\"\" is no port; a number from 0 to 65535"},
           Wrong{"localhost:http", "\"http\" is no port; a number from 0 to 65535"},
           Wrong{"localhost:-1", "\"-1\" is no port; a number from 0 to 65535"},
           Wrong{"localhost:65536", "port \"65536\" is out of range; from 0 to 65535"},
           Wrong{"localhost:99999999999999999999",
                 "port \"99999999999999999999\" is out of range; from 0 to 65535"},
           Wrong{"::1:8080", "\"::1\" has too many ':'; an IPv6 address goes in brackets, as in [::1]:8080"},
           Wrong{"[::1", "\"[::1\" has no closing ']'; for example [::1]:8080"},
           Wrong{"[::1]", "\"[::1]\" has no port; write \"[::1]:8080\""},
           Wrong{"[::1]8080", "\"[::1]8080\" has no port; write \"[::1]:8080\""},
           Wrong{"[127.0.0.1]:80", "\"127.0.0.1\" in brackets is no IPv6 address; for example [::1]"},
           Wrong{"[]:80", "\"\" in brackets is no IPv6 address; for example [::1]"},
           Wrong{"256.0.0.1:80",
                 "\"256.0.0.1\" is no IPv4 address; four numbers from 0 to 255, as in 127.0.0.1"},
           Wrong{"1.2.3:80", "\"1.2.3\" is no IPv4 address; four numbers from 0 to 255, as in 127.0.0.1"},
           Wrong{"a..b:80", "\"a..b\" is no host name; letters, digits, '-' and '.', as in localhost"},
           Wrong{"-a:80", "\"-a\" is no host name; letters, digits, '-' and '.', as in localhost"},
           Wrong{"a b:80", "\"a b\" is no host name; letters, digits, '-' and '.', as in localhost"},
           Wrong{"http://a:80",
                 "\"http://a:80\" is no address to listen on; write host:port, as in 127.0.0.1:8080"},
           Wrong{"a:80/", "\"a:80/\" is no address to listen on; write host:port, as in 127.0.0.1:8080"},
       }) {
    const auto address = parse_listen_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().text(), words);
  }
}

TEST(ListenAddress, HasNamesOfBoundedLength) {
  const std::string label(63, 'a');
  EXPECT_TRUE(parse_listen_address(label + ":80"));
  EXPECT_FALSE(parse_listen_address(label + "a:80"));
  const std::string name = label + "." + label + "." + label + "." + std::string(61, 'a');  // 253
  EXPECT_TRUE(parse_listen_address(name + ":80"));
  EXPECT_FALSE(parse_listen_address(name + "a:80"));
}

TEST(Addresses, MeetOnTheSamePortOfTheSameHostOrOfAll) {
  EXPECT_TRUE(meet({"127.0.0.1", 80}, {"127.0.0.1", 80}));
  EXPECT_TRUE(meet({"0.0.0.0", 80}, {"127.0.0.1", 80}));
  EXPECT_TRUE(meet({"localhost", 80}, {"::", 80}));
  EXPECT_FALSE(meet({"127.0.0.1", 80}, {"127.0.0.2", 80}));
  EXPECT_FALSE(meet({"127.0.0.1", 80}, {"127.0.0.1", 81}));
  EXPECT_FALSE(meet({"127.0.0.1", 0}, {"127.0.0.1", 0}));
}

TEST(UpstreamUrl, IsAnHttpAddressWithPort80WhereThereIsNone) {
  EXPECT_EQ(parse_upstream_url("http://127.0.0.1:9001"), (UpstreamUrl{false, {"127.0.0.1", 9001}}));
  EXPECT_EQ(parse_upstream_url("http://catalog:9001/"), (UpstreamUrl{false, {"catalog", 9001}}));
  EXPECT_EQ(parse_upstream_url("http://[::1]:9001"), (UpstreamUrl{false, {"::1", 9001}}));
  EXPECT_EQ(parse_upstream_url("http://catalog"), (UpstreamUrl{false, {"catalog", 80}}));
  EXPECT_EQ(parse_upstream_url("http://[::1]/"), (UpstreamUrl{false, {"::1", 80}}));
  EXPECT_EQ(parse_upstream_url("https://catalog"), (UpstreamUrl{false, {"catalog", 443}, true}));
  EXPECT_EQ(parse_upstream_url("https://[::1]:8443/")->text(), "https://[::1]:8443");
  EXPECT_EQ(parse_upstream_url("embedded:demo"), (UpstreamUrl{true, {}}));
  EXPECT_EQ(parse_upstream_url("http://[::1]/")->text(), "http://[::1]:80");
  EXPECT_EQ(parse_upstream_url("embedded:demo")->text(), "embedded:demo");
}

TEST(UpstreamUrl, IsRefusedWithWhatWouldBeRight) {
  for (const auto& [text, words] : {
           Wrong{"embedded:dmeo", "nothing is embedded as \"embedded:dmeo\"; did you mean embedded:demo?"},
           Wrong{"127.0.0.1:9001",
                 "\"127.0.0.1:9001\" is no http:// address; did you mean \"http://127.0.0.1:9001\"?"},
           Wrong{"ftp://a", "\"ftp://a\" is no http:// address; for example http://127.0.0.1:9001"},
           Wrong{"/var/run/x.sock",
                 "\"/var/run/x.sock\" is no http:// address; for example http://127.0.0.1:9001"},
           Wrong{"http://", "the host is missing; for example 127.0.0.1"},
           Wrong{"http:///x",
                 "\"/x\" after the host is not supported; requests keep their own path: end the url after "
                 "the port"},
           Wrong{"http://a/api",
                 "\"/api\" after the host is not supported; requests keep their own path: end the url after "
                 "the port"},
           Wrong{"http://a?x=1",
                 "\"?x=1\" after the host is not supported; requests keep their own path: end the url after "
                 "the port"},
           Wrong{"http://u:p@a",
                 "a user name in an upstream's url is not supported; leave out what is before the '@'"},
           Wrong{"http://a:0", "port 0 cannot be connected to; from 1 to 65535"},
           Wrong{"http://a:", "\"\" is no port; a number from 0 to 65535"},
           Wrong{"http://300.1.1.1:80",
                 "\"300.1.1.1\" is no IPv4 address; four numbers from 0 to 255, as in 127.0.0.1"},
       }) {
    const auto url = parse_upstream_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().text(), words);
  }
}

}  // namespace
}  // namespace weir::service

#include "weir/load/target_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::load {
namespace {

using testing::HasSubstr;

TEST(TargetUrl, HasHostPortAndTarget) {
  EXPECT_EQ(TargetUrl::parse("http://localhost"), (TargetUrl{.host = "localhost"}));
  EXPECT_EQ(TargetUrl::parse("http://a.example:8080/x/y?z=1#part"),
            (TargetUrl{.host = "a.example", .port = 8080, .target = "/x/y?z=1"}));
  EXPECT_EQ(TargetUrl::parse("http://[::1]:81?q"), (TargetUrl{.host = "::1", .port = 81, .target = "/?q"}));
  EXPECT_EQ(TargetUrl::parse("https://a.example/x"),
            (TargetUrl{.host = "a.example", .port = 443, .target = "/x", .tls = true}));
  EXPECT_EQ(TargetUrl::parse("http://h/{{n}}")->target, "/{{n}}");
}

TEST(TargetUrl, ItsAuthorityIsWhatHostSays) {
  EXPECT_EQ(TargetUrl::parse("http://localhost:80/")->authority(), "localhost");
  EXPECT_EQ(TargetUrl::parse("http://localhost:81/")->authority(), "localhost:81");
  EXPECT_EQ(TargetUrl::parse("http://[::1]:81/")->authority(), "[::1]:81");
  EXPECT_EQ(TargetUrl::parse("https://localhost/")->authority(), "localhost");
  EXPECT_EQ(TargetUrl::parse("https://localhost:80/")->authority(), "localhost:80");
}

TEST(TargetUrl, SaysWhatIsWrong) {
  const auto refusal = [](std::string_view text) {
    const auto url = TargetUrl::parse(text);
    EXPECT_FALSE(url) << text;
    return url ? "" : url.error();
  };
  EXPECT_THAT(refusal("localhost:8080"), HasSubstr("does not begin with http://"));
  EXPECT_THAT(refusal("ftp://localhost"), HasSubstr("or https://"));
  EXPECT_THAT(refusal("http://"), HasSubstr("has no host"));
  EXPECT_THAT(refusal("http:///path"), HasSubstr("has no host"));
  EXPECT_THAT(refusal("http://h:0/"), HasSubstr("port"));
  EXPECT_THAT(refusal("http://h:65536/"), HasSubstr("port"));
  EXPECT_THAT(refusal("http://h:http/"), HasSubstr("port"));
  EXPECT_THAT(refusal("http://[::1/"), HasSubstr("without its ]"));
  EXPECT_THAT(refusal("http://[::1]x/"), HasSubstr("port"));
  EXPECT_THAT(refusal("http://user@h/"), HasSubstr("user name"));
  EXPECT_THAT(refusal("http://h/a b"), HasSubstr("must be encoded"));
  EXPECT_THAT(refusal("http://h/\r\nX: y"), HasSubstr("must be encoded"));
}

}  // namespace
}  // namespace weir::load

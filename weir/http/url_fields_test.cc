#include "weir/http/url_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weir/http/percent.h"

namespace weir::http {
namespace {

using testing::ElementsAre;

TEST(UrlFields, AreDecodedAndKeptInOrder) {
  const auto fields = UrlFields::of_query("/find?q=caf%C3%A9+noir&tag=a&tag=b%2Bc&empty&=x&&last=");
  ASSERT_TRUE(fields);
  EXPECT_EQ(fields->get("q"), "caf\xC3\xA9 noir");
  EXPECT_THAT(fields->get_all("tag"), ElementsAre("a", "b+c"));
  EXPECT_EQ(fields->get("empty"), "");
  EXPECT_EQ(fields->get(""), "x");
  EXPECT_EQ(fields->get("last"), "");
  EXPECT_EQ(fields->get("Q"), std::nullopt);
  EXPECT_EQ(fields->size(), 6u);
}

TEST(UrlFields, OfATargetWithoutAQueryAreNone) {
  EXPECT_TRUE(UrlFields::of_query("/find")->empty());
  EXPECT_TRUE(UrlFields::of_query("/find?")->empty());
}

TEST(UrlFields, WithABadEscapeAreRefused) {
  for (const char* text : {"a=%", "a=%2", "%zz=1", "a=1&b=%G0"}) {
    const auto fields = UrlFields::parse(text);
    ASSERT_FALSE(fields) << text;
    EXPECT_EQ(fields.error().kind, ErrorKind::invalid);
    EXPECT_EQ(fields.error().reason, Reason::malformed);
  }
}

TEST(UrlFields, AreNoMoreThanTheLimit) {
  EXPECT_TRUE(UrlFields::parse("a&b", {.fields = 2}));
  const auto fields = UrlFields::parse("a&b&c", {.fields = 2});
  ASSERT_FALSE(fields);
  EXPECT_EQ(fields.error().reason, Reason::too_large);
}

TEST(UrlFields, GiveWholeNumbers) {
  const auto fields = UrlFields::parse("page=12&below=-3&word=x&blank=&more=12x&huge=99999999999999999999");
  EXPECT_EQ(fields->integer("page", 1), 12);
  EXPECT_EQ(fields->integer("below", 1), -3);
  EXPECT_EQ(fields->integer("none", 1), 1);
  EXPECT_EQ(fields->integer("word", 1).error().reason, Reason::malformed);
  EXPECT_EQ(fields->integer("blank", 1).error().reason, Reason::malformed);
  EXPECT_EQ(fields->integer("more", 1).error().reason, Reason::malformed);
  EXPECT_EQ(fields->integer("huge", 1).error().reason, Reason::too_large);
}

TEST(Percent, EncodesWhatIsNotUnreservedAndDecodesItAgain) {
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  std::string encoded, decoded;
  percent_encode(every, encoded);
  EXPECT_EQ(encoded.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~%"),
            std::string::npos);
  ASSERT_TRUE(percent_decode(encoded, decoded));
  EXPECT_EQ(decoded, every);
}

}  // namespace
}  // namespace weir::http

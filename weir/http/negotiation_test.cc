#include "weir/http/negotiation.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace weir::http {
namespace {

std::optional<std::size_t> media(std::string_view accept) {
  static constexpr std::array<std::string_view, 3> kOffers = {"application/json", "text/html;charset=utf-8",
                                                              "text/plain"};
  Headers headers;
  headers.add("Accept", accept);
  return choose_media_type(headers, kOffers);
}

ContentCoding coding(std::string_view accept) {
  static constexpr std::array kOffers = {ContentCoding::brotli, ContentCoding::gzip};
  Headers headers;
  headers.add("Accept-Encoding", accept);
  return choose_coding(headers, kOffers);
}

TEST(MediaTypes, AreChosenByWeight) {
  EXPECT_EQ(media("text/plain;q=0.5, text/html;q=0.7"), 1u);
  EXPECT_EQ(media("text/plain, text/html;q=0.7"), 2u);
  EXPECT_EQ(media("application/json;q=0.001"), 0u);
}

TEST(MediaTypes, AmongEqualsTheFirstOfferIsChosen) {
  EXPECT_EQ(media("text/plain, text/html, */*"), 0u);
  EXPECT_EQ(media("text/*"), 1u);
}

TEST(MediaTypes, AreJudgedByTheMostSpecificRange) {
  EXPECT_EQ(media("*/*, application/json;q=0.1"), 1u);
  EXPECT_EQ(media("text/*;q=0.9, text/html;q=0.1, application/json;q=0.5"), 2u);
  EXPECT_EQ(media("*/*;q=0.1, application/json;q=0"), 1u);
}

TEST(MediaTypes, WithoutAcceptAreAllAcceptable) {
  static constexpr std::array<std::string_view, 1> kOffers = {"a/b"};
  EXPECT_EQ(choose_media_type({}, kOffers), 0u);
  EXPECT_EQ(choose_media_type({}, {}), std::nullopt);
}

TEST(MediaTypes, ThatNothingAcceptsAreNone) {
  EXPECT_EQ(media("image/png"), std::nullopt);
  EXPECT_EQ(media("*/*;q=0"), std::nullopt);
  EXPECT_EQ(media(""), std::nullopt);
}

TEST(MediaTypes, AreReadAsBrowsersWriteThem) {
  EXPECT_EQ(media("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), 1u);
  EXPECT_EQ(media("image/avif;x=\"a,b\\\"\", TEXT/PLAIN ; Q=1.000"), 2u);
}

TEST(MediaTypes, ThatAreMalformedArePassedOver) {
  EXPECT_EQ(media("text/html;q=2, text/plain;q=0.3"), 2u);
  EXPECT_EQ(media("@@@, ;;q=1, text/plain"), 2u);
  EXPECT_EQ(media("text/html;q=abc"), std::nullopt);
}

TEST(Codings, TheFirstOfThoseOfHighestWeightIsChosen) {
  EXPECT_EQ(coding("gzip, deflate, br"), ContentCoding::brotli);
  EXPECT_EQ(coding("gzip;q=1.0, br;q=0.5"), ContentCoding::gzip);
  EXPECT_EQ(coding("x-gzip"), ContentCoding::gzip);
  EXPECT_EQ(coding("*"), ContentCoding::brotli);
  EXPECT_EQ(coding("br;q=0, *"), ContentCoding::gzip);
}

TEST(Codings, IdentityIsWhatIsLeft) {
  EXPECT_EQ(coding(""), ContentCoding::identity);
  EXPECT_EQ(coding("deflate"), ContentCoding::identity);
  EXPECT_EQ(coding("gzip;q=0"), ContentCoding::identity);
  EXPECT_EQ(coding("identity;q=0"), ContentCoding::identity);
  EXPECT_EQ(coding("gzip;q=0.5, identity;q=0.8"), ContentCoding::identity);
  EXPECT_EQ(coding("gzip, identity"), ContentCoding::gzip);
}

TEST(Codings, ALongFieldIsReadOnlyToItsBound) {
  std::string accept;
  for (int i = 0; i < 64; ++i) accept += "x,";
  EXPECT_EQ(coding(accept + "gzip"), ContentCoding::identity);
}

}  // namespace
}  // namespace weir::http

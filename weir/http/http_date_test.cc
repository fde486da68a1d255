#include "weir/http/http_date.h"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

using std::chrono::seconds;

constexpr Seconds kNoon{seconds(784'111'777)};

TEST(HttpDate, IsWrittenInTheFixedForm) {
  EXPECT_EQ(to_http_date(kNoon), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(to_http_date(Seconds{}), "Thu, 01 Jan 1970 00:00:00 GMT");
}

TEST(HttpDate, IsReadInAllThreeForms) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), kNoon);
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), kNoon);
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), kNoon);
}

TEST(HttpDate, OfTwoDigitsIsAtMostFiftyYearsAhead) {
  const auto now = std::chrono::floor<seconds>(std::chrono::system_clock::now());
  const auto read = parse_http_date("Sunday, 06-Nov-99 08:49:37 GMT");
  ASSERT_TRUE(read);
  EXPECT_LT(*read, now + std::chrono::years(51));
}

TEST(HttpDate, ThatIsNoneIsRefused) {
  for (const char* text : {"", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ",
                           "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT", "784111777"}) {
    EXPECT_FALSE(parse_http_date(text)) << text;
  }
}

}  // namespace
}  // namespace weir::http

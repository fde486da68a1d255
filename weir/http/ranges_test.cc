#include "weir/http/ranges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::http {
namespace {

using testing::ElementsAre;

std::vector<ByteRange> parts(std::string_view field, std::uint64_t size = 1000) {
  const Ranges ranges = parse_ranges(field, size);
  EXPECT_EQ(ranges.kind, Ranges::Kind::parts) << field;
  return ranges.parts;
}

TEST(Ranges, AreFromAByteToAByteBothIncluded) {
  EXPECT_THAT(parts("bytes=0-499"), ElementsAre(ByteRange{0, 500}));
  EXPECT_THAT(parts("bytes=999-999"), ElementsAre(ByteRange{999, 1}));
  EXPECT_THAT(parts("Bytes = 5-"), ElementsAre(ByteRange{5, 995}));
  EXPECT_THAT(parts("bytes=-1"), ElementsAre(ByteRange{999, 1}));
}

TEST(Ranges, EndWhereTheRepresentationEnds) {
  EXPECT_THAT(parts("bytes=500-5000"), ElementsAre(ByteRange{500, 500}));
  EXPECT_THAT(parts("bytes=-5000"), ElementsAre(ByteRange{0, 1000}));
  EXPECT_THAT(parts("bytes=1-99999999999999999999999"), ElementsAre(ByteRange{1, 999}));
}

TEST(Ranges, KeepTheOrderAskedFor) {
  EXPECT_THAT(parts("bytes=500-599, 0-99,,-1"),
              ElementsAre(ByteRange{500, 100}, ByteRange{0, 100}, ByteRange{999, 1}));
}

TEST(Ranges, ThatOverlapOrTouchAreOne) {
  EXPECT_THAT(parts("bytes=0-99,50-149"), ElementsAre(ByteRange{0, 150}));
  EXPECT_THAT(parts("bytes=0-99,100-149"), ElementsAre(ByteRange{0, 150}));
  EXPECT_THAT(parts("bytes=0-9,20-29,8-21"), ElementsAre(ByteRange{0, 30}));
  EXPECT_THAT(parts("bytes=0-,0-,0-,-1000"), ElementsAre(ByteRange{0, 1000}));
}

TEST(Ranges, ThatBeginBehindTheEndAreUnsatisfiable) {
  for (const char* field : {"bytes=1000-", "bytes=1000-1001,2000-", "bytes=-0"}) {
    EXPECT_EQ(parse_ranges(field, 1000).kind, Ranges::Kind::unsatisfiable) << field;
  }
  EXPECT_EQ(parse_ranges("bytes=0-", 0).kind, Ranges::Kind::unsatisfiable);
  EXPECT_THAT(parts("bytes=1000-,0-0"), ElementsAre(ByteRange{0, 1}));
}

TEST(Ranges, ThatAreMalformedAreIgnored) {
  for (const char* field :
       {"", "bytes", "bytes=", "bytes=,", "lines=0-1", "bytes=a-b", "bytes=5-4", "bytes=-", "bytes=--1",
        "bytes=0-1,x", "bytes=+1-2", "bytes=0x1-2", "bytes=1 -2"}) {
    EXPECT_EQ(parse_ranges(field, 1000).kind, Ranges::Kind::whole) << field;
  }
}

TEST(Ranges, ThatAreTooManyAreIgnored) {
  std::string field = "bytes=0-0";
  for (int i = 1; i < 16; ++i) field += "," + std::to_string(i * 10) + "-" + std::to_string(i * 10);
  EXPECT_EQ(parts(field).size(), 16u);
  EXPECT_EQ(parse_ranges(field + ",500-500", 1000).kind, Ranges::Kind::whole);
}

TEST(Ranges, AreSaidInTheReply) {
  EXPECT_EQ(content_range({0, 500}, 1234), "bytes 0-499/1234");
  EXPECT_EQ(content_range_unsatisfied(1234), "bytes */1234");
}

}  // namespace
}  // namespace weir::http

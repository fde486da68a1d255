#include "weir/base/units.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace weir {
namespace {

TEST(ParseDuration, ReadsEachUnitAndTheirSum) {
  EXPECT_EQ(parse_duration("7ns"), 7ns);
  EXPECT_EQ(parse_duration("250us"), 250us);
  EXPECT_EQ(parse_duration("50ms"), 50ms);
  EXPECT_EQ(parse_duration("2s"), 2s);
  EXPECT_EQ(parse_duration("3m"), 3min);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("1m30s"), 90s);
  EXPECT_EQ(parse_duration("1h2m3s4ms5us6ns"), 1h + 2min + 3s + 4ms + 5us + 6ns);
}

TEST(ParseDuration, ReadsZeroWithAndWithoutAUnit) {
  EXPECT_EQ(parse_duration("0"), Duration::zero());
  EXPECT_EQ(parse_duration("0s"), Duration::zero());
  EXPECT_EQ(parse_duration("0ms"), Duration::zero());
}

TEST(ParseDuration, RefusesWhatIsNoDuration) {
  for (const char* text : {"", " ", "5", "s", "ms", "-5ms", "+5ms", "5 ms", " 5ms", "5ms ", "5MS", "5mss",
                           "1.5s", "1e3s", "0x5s", "5s5", "5s,5ms", "five", "5ms\n"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(ParseDuration, ReadsTheLongestAndRefusesTheNext) {
  EXPECT_EQ(parse_duration("9223372036854775807ns"), Duration::max());
  EXPECT_EQ(parse_duration("9223372036854775808ns"), std::nullopt);  // one more nanosecond
  EXPECT_EQ(parse_duration("9223372036s"), 9223372036s);
  EXPECT_EQ(parse_duration("9223372037s"), std::nullopt);             // the product overflows
  EXPECT_EQ(parse_duration("9223372036s999ms"), std::nullopt);        // the sum does
  EXPECT_EQ(parse_duration("18446744073709551616ns"), std::nullopt);  // 2^64
  EXPECT_EQ(parse_duration("5124095576030431h"), std::nullopt);       // its product, wrapped, would be small
}

TEST(ParseBytes, ReadsBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_bytes("512"), Bytes{512});
  EXPECT_EQ(parse_bytes("512B"), Bytes{512});
  EXPECT_EQ(parse_bytes("64KiB"), kibibytes(64));
  EXPECT_EQ(parse_bytes("16MiB"), mebibytes(16));
  EXPECT_EQ(parse_bytes("2GiB"), mebibytes(2048));
  EXPECT_EQ(parse_bytes("1TiB"), mebibytes(1024ull * 1024));
  EXPECT_EQ(parse_bytes("500KB"), Bytes{500'000});
  EXPECT_EQ(parse_bytes("1MB"), Bytes{1'000'000});
  EXPECT_EQ(parse_bytes("2GB"), Bytes{2'000'000'000});
}

TEST(ParseBytes, RefusesWhatIsNoSize) {
  for (const char* text : {"", "KiB", "-1", "1kib", "1 KiB", "1KiB1", "1KiB1B", "1.5MiB", "1KiBs", "1PiB"}) {
    EXPECT_EQ(parse_bytes(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(ParseBytes, RefusesOverflowInsteadOfWrapping) {
  EXPECT_EQ(parse_bytes("9223372036854775807"), Bytes{INT64_MAX});
  EXPECT_EQ(parse_bytes("9223372036854775808"), std::nullopt);
  EXPECT_EQ(parse_bytes("8388607TiB"), Bytes{8388607ull << 40});
  EXPECT_EQ(parse_bytes("8388608TiB"), std::nullopt);
  EXPECT_EQ(parse_bytes("16777216TiB"), std::nullopt);  // 2^64: wrapped, it would be 0
}

TEST(ToString, WritesDurationsThatReadBackTheSame) {
  EXPECT_EQ(to_string(Duration::zero()), "0s");
  EXPECT_EQ(to_string(1500ms), "1s500ms");
  EXPECT_EQ(to_string(90s), "1m30s");
  EXPECT_EQ(to_string(Duration(-2ms)), "-2ms");
  for (const Duration duration :
       {Duration(1ns), Duration(999us), Duration(1h + 1ns), Duration(49h), Duration::max()}) {
    EXPECT_EQ(parse_duration(to_string(duration)), duration) << to_string(duration);
  }
}

TEST(ToString, WritesTheMostNegativeDuration) {
  EXPECT_EQ(to_string(Duration::min()), "-" + std::string("2562047h47m16s854ms775us808ns"));
}

TEST(ToString, WritesBytesForPeople) {
  EXPECT_EQ(to_string(Bytes{0}), "0 B");
  EXPECT_EQ(to_string(Bytes{1023}), "1023 B");
  EXPECT_EQ(to_string(kibibytes(1)), "1.0 KiB");
  EXPECT_EQ(to_string(Bytes{1'503'238'553}), "1.4 GiB");
  EXPECT_EQ(to_string(Bytes{UINT64_MAX}), "16777216.0 TiB");
}

TEST(Bytes, CompareAndMultiply) {
  EXPECT_LT(kibibytes(1), mebibytes(1));
  EXPECT_EQ(3 * kibibytes(2), kibibytes(6));
}

}  // namespace
}  // namespace weir

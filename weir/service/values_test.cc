#include "weir/service/values.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace weir::service {
namespace {

constexpr KeySpec kCount{"n", KeyKind::number, false, 1, 1000, "200", "0 would refuse every request"};
constexpr KeySpec kWait{"wait", KeyKind::duration, false, 1'000'000, 60'000'000'000, "50ms"};
constexpr KeySpec kRate{"rate", KeyKind::rate, false, 1 << 10, 1 << 30, "1MiB/s"};
constexpr KeySpec kShare{"share", KeyKind::decimal, false, 1, 1'000'000, "0.5"};
constexpr KeySpec kSize{"size", KeyKind::bytes, false, 64, 1 << 20, "32KiB"};

// The value, or the fault's words.
std::string told(const KeySpec& key, std::string_view text) {
  const auto value = parse_value(key, key.path, text);
  return value ? value_text(key.kind, *value) : value.error().text();
}

TEST(Values, AreReadUpToBothEndsOfTheirRange) {
  EXPECT_EQ(told(kCount, "1"), "1");
  EXPECT_EQ(told(kCount, "1000"), "1000");
  EXPECT_EQ(told(kWait, "1ms"), "1ms");
  EXPECT_EQ(told(kWait, "60s"), "1m");
  EXPECT_EQ(told(kSize, "64"), "64");
  EXPECT_EQ(told(kSize, "1MiB"), "1MiB");
  EXPECT_EQ(told(kRate, "1KiB/s"), "1KiB/s");
  EXPECT_EQ(told(kRate, "1GiB/s"), "1GiB/s");
  EXPECT_EQ(told(kShare, "0.000001"), "0.000001");
  EXPECT_EQ(told(kShare, "0.25"), "0.25");
  EXPECT_EQ(told(kShare, "1"), "1");
}

TEST(Values, OutsideTheirRangeAreRefusedWithIt) {
  EXPECT_EQ(told(kCount, "1001"), "n is 1001; must be from 1 to 1000");
  EXPECT_EQ(told(kCount, "0"), "n is 0; must be from 1 to 1000; 0 would refuse every request");
  EXPECT_EQ(told(kCount, "-5"), "n is -5, which is negative; must be from 1 to 1000");
  EXPECT_EQ(told(kCount, "18446744073709551616"), "n is 18446744073709551616; must be from 1 to 1000");
  EXPECT_EQ(told(kCount, std::string(50, '9')), "n is a number of 50 characters; must be from 1 to 1000");
  EXPECT_EQ(told(kWait, "0"), "wait is 0; must be from 1ms to 1m");
  EXPECT_EQ(told(kWait, "999us"), "wait is 999us; must be from 1ms to 1m");
  EXPECT_EQ(told(kWait, "-50ms"), "wait is -50ms, which is negative; must be from 1ms to 1m");
  EXPECT_EQ(told(kWait, "9223372037s"), "wait is 9223372037s; must be from 1ms to 1m");
  EXPECT_EQ(told(kRate, "512/s"), "rate is 512/s; must be from 1KiB/s to 1GiB/s");
  EXPECT_EQ(told(kShare, "1.5"), "share is 1.5; must be from 0.000001 to 1");
  EXPECT_EQ(told(kShare, "0"), "share is 0; must be from 0.000001 to 1");
  EXPECT_EQ(told(kShare, "-0.5"), "share is -0.5, which is negative; must be from 0.000001 to 1");
  EXPECT_EQ(told(kShare, "99999999999999999999"),
            "share is 99999999999999999999; must be from 0.000001 to 1");
  EXPECT_EQ(told(kSize, "1048577"), "size is 1048577; must be from 64 to 1MiB");
  EXPECT_EQ(told(kSize, "8388608TiB"), "size is 8388608TiB; must be from 64 to 1MiB");
}

TEST(Values, OfNoSuchFormAreRefusedWithWhatWasMeant) {
  struct Case {
    const KeySpec& key;
    std::string_view text, words;
  };
  for (const auto& [key, text, words] : {
           Case{kCount, "", "n must be a whole number, is \"\"; for example 200"},
           Case{kCount, "many", "n must be a whole number, is \"many\"; for example 200"},
           Case{kCount, "1.5", "n must be a whole number, is \"1.5\"; for example 200"},
           Case{kCount, "1e3", "n must be a whole number, is \"1e3\"; for example 200"},
           Case{kCount, "0x10", "n must be a whole number, is \"0x10\"; for example 200"},
           Case{kCount, "+5", "n must be a whole number, is \"+5\"; for example 200"},
           Case{kCount, "1,000", "n must be a whole number, is \"1,000\"; did you mean 1000?"},
           Case{kCount, "1_000", "n must be a whole number, is \"1_000\"; did you mean 1000?"},
           Case{kWait, "50", "wait must be a duration, is \"50\"; give it a unit: 50ms or 50s"},
           Case{kWait, "50 ms", "wait must be a duration, is \"50 ms\"; did you mean 50ms?"},
           Case{kWait, "50MS", "wait must be a duration, is \"50MS\"; did you mean 50ms?"},
           Case{kWait, "2sec", "wait must be a duration, is \"2sec\"; did you mean 2s?"},
           Case{kWait, "2 minutes", "wait must be a duration, is \"2 minutes\"; did you mean 2m?"},
           Case{kWait, "1.5s",
                "wait must be a duration, is \"1.5s\"; units are ns, us, ms, s, m and h, numbers are "
                "whole, as in 50ms or 1m30s"},
           Case{kWait, "soon",
                "wait must be a duration, is \"soon\"; units are ns, us, ms, s, m and h, numbers are "
                "whole, as in 50ms or 1m30s"},
           Case{kRate, "1MiB", "rate must be bytes a second, is \"1MiB\"; did you mean 1MiB/s?"},
           Case{kRate, "fast", "rate must be bytes a second, is \"fast\"; for example 1MiB/s"},
           Case{kRate, "1MiB/m", "rate must be bytes a second, is \"1MiB/m\"; for example 1MiB/s"},
           Case{kShare, "50%", "share must be a number, is \"50%\"; for example 0.5"},
           Case{kShare, "nan", "share must be a number, is \"nan\"; for example 0.5"},
           Case{kSize, "32kb", "size must be a number of bytes, is \"32kb\"; did you mean 32KB?"},
           Case{kSize, "32 KiB", "size must be a number of bytes, is \"32 KiB\"; did you mean 32KiB?"},
           Case{kSize, "32k", "size must be a number of bytes, is \"32k\"; did you mean 32KiB?"},
           Case{kSize, "1.5MiB",
                "size must be a number of bytes, is \"1.5MiB\"; units are KiB, MiB, GiB, KB, MB and "
                "GB, numbers are whole, as in 32KiB"},
           Case{kSize, "\x1b[31m",
                "size must be a number of bytes, is \"\\x1b[31m\"; units are KiB, MiB, GiB, KB, "
                "MB and GB, numbers are whole, as in 32KiB"},
       }) {
    EXPECT_EQ(told(key, text), words);
  }
}

}  // namespace
}  // namespace weir::service

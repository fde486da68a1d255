#include "weir/bounds/keyed_rate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "weir/base/rng.h"

namespace weir::bounds {
namespace {

using testing::HasSubstr;

constexpr TimePoint kStart(1h);

TEST(KeyedRate, EachKeyHasItsOwnRate) {
  Ledger ledger;
  KeyedRate tenants(ledger, {.name = "tenant", .rate = {.units = 10, .per = 1s, .burst = 2}, .keys_max = 10});
  EXPECT_TRUE(tenants.try_acquire("a", kStart, 2));
  EXPECT_TRUE(tenants.try_acquire("b", kStart));
  const Result<> refused = tenants.try_acquire("a", kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "overloaded: over_rate at tenant");
  EXPECT_EQ(refused.error().retry_after, 100ms);
  EXPECT_TRUE(tenants.try_acquire("b", kStart));
  EXPECT_TRUE(tenants.try_acquire("a", kStart + 100ms));
}

TEST(KeyedRate, ARefundIsTheKeysAlone) {
  Ledger ledger;
  KeyedRate tenants(ledger, {.name = "tenant", .rate = {.units = 10, .per = 1s, .burst = 2}, .keys_max = 10});
  EXPECT_TRUE(tenants.try_acquire("a", kStart, 2));
  EXPECT_TRUE(tenants.try_acquire("b", kStart, 2));
  tenants.refund("a", 2);
  tenants.refund("nobody", 2);
  EXPECT_TRUE(tenants.try_acquire("a", kStart, 2));
  EXPECT_FALSE(tenants.try_acquire("b", kStart));
}

TEST(KeyedRate, OnlyKeysThatOweHoldTheirPlaces) {
  Ledger ledger;
  KeyedRate tenants(
      ledger, {.name = "tenant", .rate = {.units = 1, .per = 1s, .burst = 1}, .keys_max = 4, .seed = 1});
  int admitted = 0;
  while (tenants.try_acquire("tenant-" + std::to_string(admitted), kStart)) ASSERT_LT(++admitted, 100);
  EXPECT_GE(admitted, 4) << "at least those it is for";
  const std::string late = "tenant-" + std::to_string(admitted);
  const Result<> refused = tenants.try_acquire(late, kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "overloaded: keys_full at tenant");
  EXPECT_EQ(refused.error().retry_after, 1s) << "when the first of them owes nothing more";
  EXPECT_FALSE(tenants.try_acquire("tenant-0", kStart)) << "a key that owes is not forgotten";
  EXPECT_TRUE(tenants.try_acquire(late, kStart + 1s));
  EXPECT_EQ(tenants.stats().evicted, 1u);
}

TEST(KeyedRate, AsManyKeysAsDeclaredFindTheirPlaceWhateverTheHash) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Ledger ledger;
    KeyedRate tenants(
        ledger,
        {.name = "tenant", .rate = {.units = 1, .per = 1h, .burst = 1}, .keys_max = 65'536, .seed = seed});
    for (int i = 0; i < 65'536; ++i)
      ASSERT_TRUE(tenants.try_acquire("tenant-" + std::to_string(i), kStart)) << i;
    EXPECT_EQ(tenants.stats().keys, 65'536u);
    EXPECT_EQ(tenants.stats().evicted, 0u);
  }
}

TEST(KeyedRate, AMillionKeysChurnedHoldTheSameMemoryAndForgetNobodyWhoOwes) {
  Ledger ledger;
  KeyedRate tenants(
      ledger, {.name = "tenant", .rate = {.units = 1, .per = 1s, .burst = 1}, .keys_max = 10'000, .seed = 1});
  const Bytes held = tenants.stats().held;
  TimePoint now = kStart;
  // 5,000 new keys a second, and each owes for one.
  for (int i = 0; i < 1'000'000; ++i) {
    now += 200us;
    ASSERT_TRUE(tenants.try_acquire("tenant-" + std::to_string(i), now)) << i;
    const int owing = std::max(0, i - 4'999);
    ASSERT_FALSE(tenants.try_acquire("tenant-" + std::to_string(owing), now)) << i;
  }
  const KeyedRate::Stats stats = tenants.stats();
  EXPECT_EQ(stats.held, held);
  EXPECT_LE(held.count, 64u * 16'384 + 10'000);
  EXPECT_EQ(stats.admitted, 1'000'000u);
  EXPECT_EQ(stats.refused_keys_full, 0u);
  EXPECT_EQ(stats.keys + stats.evicted, 1'000'000u);
}

TEST(KeyedRate, KeysOfAnyBytesAndLengthAreToldApart) {
  Ledger ledger;
  KeyedRate tenants(ledger,
                    {.name = "tenant", .rate = {.units = 1, .per = 1s, .burst = 1}, .keys_max = 1000});
  for (const std::size_t length : {1u, 7u, 8u, 16u, 17u, 100u, 100'000u}) {
    for (const char byte : {'\0', '\xff', 'x'}) {
      EXPECT_TRUE(tenants.try_acquire(std::string(length, byte), kStart)) << length;
      EXPECT_FALSE(tenants.try_acquire(std::string(length, byte), kStart)) << length;
    }
  }
  EXPECT_TRUE(tenants.try_acquire("", kStart));
  EXPECT_EQ(tenants.stats().keys, 7u * 3 + 1);
}

TEST(KeyedRate, AKeyThatComesBackByAClockThatIsBehindGainsNothing) {
  Ledger ledger;
  KeyedRate tenants(
      ledger, {.name = "tenant", .rate = {.units = 1, .per = 1s, .burst = 1}, .keys_max = 1, .seed = 1});
  EXPECT_TRUE(tenants.try_acquire("a", kStart));
  // Enough others, a second later, that "a" is forgotten.
  for (int i = 0; i < 100; ++i) static_cast<void>(tenants.try_acquire(std::to_string(i), kStart + 1s));
  EXPECT_GT(tenants.stats().evicted, 0u);
  EXPECT_FALSE(tenants.try_acquire("a", kStart + 1s - 1ns));
}

TEST(KeyedRate, IsALineInTheLedger) {
  Ledger ledger;
  KeyedRate tenants(ledger, {.name = "tenant",
                             .rate = {.units = 30, .per = 1min, .burst = 2},
                             .keys_max = 100,
                             .because = "a fair share"});
  EXPECT_TRUE(tenants.try_acquire("a", kStart, 2));
  EXPECT_FALSE(tenants.try_acquire("a", kStart));
  const Row row = ledger.find("tenant").value();
  EXPECT_EQ(row.unit, Unit::rate);
  EXPECT_EQ(row.limit, 1u) << "0.5 a second, rounded, and never 0";
  EXPECT_EQ(row.keys, 1u);
  EXPECT_EQ(row.keys_max, 100u);
  EXPECT_EQ(row.admitted, 1u);
  EXPECT_EQ(row.refused_total(), 1u);
  EXPECT_EQ(row.because, "a fair share");
}

TEST(KeyedRate, WrongDeclarationsAreRefusedWithText) {
  Ledger ledger;
  const KeyedRate taken(ledger, {.name = "taken", .rate = {.units = 1, .burst = 1}, .keys_max = 1});
  const auto error = [&](KeyedRate::Options options) {
    return KeyedRate::make(ledger, std::move(options)).error();
  };
  EXPECT_EQ(error({.name = "r", .rate = {.units = 0, .burst = 1}}),
            "rate r: units 0 would refuse everything; at least 1");
  EXPECT_THAT(error({.name = "r", .rate = {.units = 1, .burst = 1}, .keys_max = 0}), HasSubstr("keys_max"));
  EXPECT_THAT(error({.name = "taken", .rate = {.units = 1, .burst = 1}}),
              HasSubstr("two bounds of one name"));
  EXPECT_THAT(error({.rate = {.units = 1, .burst = 1}}), HasSubstr("needs a name"));
}

TEST(KeyedRate, NoKeyIsOverItsRateWhileManyThreadsChurnTheKeys) {
  Ledger ledger;
  constexpr std::size_t kKeys = 200;
  KeyedRate tenants(ledger,
                    {.name = "tenant", .rate = {.units = 1000, .per = 1s, .burst = 3}, .keys_max = 16});
  std::array<std::atomic<int>, kKeys> admitted{};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Xoshiro rng(static_cast<std::uint64_t>(t));
      for (int i = 0; i < 20'000; ++i) {
        const std::uint64_t key = below(rng, kKeys);
        // Each thread sees 100 ms pass.
        if (tenants.try_acquire(std::to_string(key), kStart + i * 5us)) admitted.at(key).fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::atomic<int>& each : admitted) EXPECT_LE(each.load(), 3 + 100);
  EXPECT_GT(tenants.stats().evicted, 0u);
}

TEST(KeyedRate, SomeKeysHaveRatesOfTheirOwnAndAllMoveWhileItRuns) {
  constexpr TimePoint now(1h);
  Ledger ledger;
  KeyedRate tenants(ledger, {.name = "tenant rate",
                             .rate = {.units = 10, .per = 1s, .burst = 2},
                             .keys_max = 100,
                             .overrides = {{"big", {.units = 100, .per = 1s, .burst = 50}}}});
  EXPECT_TRUE(tenants.try_acquire("big", now, 50));
  EXPECT_EQ(tenants.try_acquire("big", now).error().retry_after, 10ms);
  EXPECT_EQ(tenants.try_acquire("big", now, 51).error().reason, Reason::too_large);
  EXPECT_EQ(tenants.try_acquire("other", now, 3).error().reason, Reason::too_large);
  EXPECT_TRUE(tenants.try_acquire("other", now, 2));
  EXPECT_FALSE(tenants.try_acquire("other", now));
  EXPECT_EQ(tenants.stats().overrides, 1u);

  ASSERT_TRUE(tenants.resize({.units = 1000, .per = 1s, .burst = 1000}));
  EXPECT_TRUE(tenants.try_acquire("other", now, 800)) << "of 1000, 200 ms are owed";
  EXPECT_FALSE(tenants.try_acquire("other", now));
  EXPECT_EQ(tenants.row().limit, 1000u);
  EXPECT_FALSE(tenants.try_acquire("big", now)) << "it has its own";
  ASSERT_TRUE(tenants.set_overrides({}));
  EXPECT_TRUE(tenants.try_acquire("big", now, 500)) << "500 ms are owed, of the default's 1000";
  EXPECT_FALSE(tenants.try_acquire("big", now));

  EXPECT_EQ(tenants.resize({.units = 0, .burst = 1}).error(),
            "rate tenant rate: units 0 would refuse everything; at least 1");
  EXPECT_EQ(tenants.set_overrides({{"a", {.units = 1, .burst = 0}}}).error(),
            "rate tenant rate: for key \"a\": burst 0 would refuse everything; at least 1");
}

TEST(KeyedRate, AKeyIsToldWhatItHasLeft) {
  Ledger ledger;
  KeyedRate rate(ledger, {.name = "r",
                          .rate = {.units = 10, .per = 1s, .burst = 5},
                          .keys_max = 100,
                          .overrides = {{"own", {.units = 1, .per = 60s, .burst = 2}}}});
  const TimePoint now(Duration(1h));
  const auto rested = rate.standing("a", now);
  EXPECT_EQ(rested.left, 5u);
  EXPECT_EQ(rested.full_in, Duration::zero());
  EXPECT_EQ(rested.rate.units, 10u);
  ASSERT_TRUE(rate.try_acquire("a", now, 3));
  EXPECT_EQ(rate.standing("a", now).left, 2u);
  EXPECT_GE(rate.standing("a", now).full_in, 300ms);
  EXPECT_LT(rate.standing("a", now).full_in, 301ms);
  EXPECT_EQ(rate.standing("b", now).left, 5u);
  // To ask takes nothing, and time gives back.
  EXPECT_EQ(rate.standing("a", now + 101ms).left, 3u);
  EXPECT_EQ(rate.standing("a", now + 1s).left, 5u);
  ASSERT_TRUE(rate.try_acquire("own", now, 2));
  EXPECT_EQ(rate.standing("own", now).left, 0u);
  EXPECT_EQ(rate.standing("own", now).rate.per, 60s);
  EXPECT_FALSE(rate.try_acquire("own", now));
}

}  // namespace
}  // namespace weir::bounds

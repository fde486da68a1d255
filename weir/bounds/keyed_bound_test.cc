#include "weir/bounds/keyed_bound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "weir/base/rng.h"
#include "weir/bounds/internal/key_hash.h"
#include "weir/bounds/ledger.h"

namespace weir::bounds {
namespace {

using testing::HasSubstr;

TEST(KeyedBound, EachKeyHasItsOwnLimit) {
  Ledger ledger;
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 2, .keys_max = 10});
  auto a1 = tenants.try_acquire("a");
  const auto a2 = tenants.try_acquire("a");
  const auto a3 = tenants.try_acquire("a");
  const auto b1 = tenants.try_acquire("b");
  ASSERT_TRUE(a1 && a2 && b1);
  ASSERT_FALSE(a3);
  EXPECT_EQ(a3.error().message(), "overloaded: at_limit at tenant");
  a1->release();
  EXPECT_TRUE(tenants.try_acquire("a"));
}

TEST(KeyedBound, WeightsCountAndOneOverTheLimitIsInvalid) {
  Ledger ledger;
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 10, .keys_max = 10});
  const auto seven = tenants.try_acquire("a", 7);
  EXPECT_TRUE(seven);
  EXPECT_EQ(tenants.try_acquire("a", 4).error().reason, Reason::at_limit);
  EXPECT_TRUE(tenants.try_acquire("a", 3));
  EXPECT_EQ(tenants.try_acquire("a", 11).error().kind, ErrorKind::invalid);
  EXPECT_EQ(tenants.stats().in_use, 7u);
}

TEST(KeyedBound, AMovedPermitIsGivenBackOnce) {
  Ledger ledger;
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 5, .keys_max = 10});
  KeyedBound::Permit kept;
  {
    KeyedBound::Permit first = std::move(*tenants.try_acquire("a"));
    kept = std::move(first);
    EXPECT_FALSE(first);
  }
  EXPECT_EQ(tenants.stats().in_use, 1u);
  kept = std::move(*tenants.try_acquire("b"));
  EXPECT_EQ(tenants.stats().in_use, 1u);
  kept.release();
  kept.release();
  EXPECT_EQ(tenants.stats().in_use, 0u);
}

TEST(KeyedBound, AnIdleKeyMakesRoomForANewOne) {
  Ledger ledger;
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 1, .keys_max = 3});
  const auto a = tenants.try_acquire("a");
  {
    const auto b = tenants.try_acquire("b");
  }
  const auto c = tenants.try_acquire("c");
  const auto d = tenants.try_acquire("d");
  ASSERT_TRUE(a && c && d);
  EXPECT_FALSE(tenants.try_acquire("a")) << "a key that holds a permit is not forgotten";
  const KeyedBound::Stats stats = tenants.stats();
  EXPECT_EQ(stats.keys, 3u);
  EXPECT_EQ(stats.evicted, 1u);
}

TEST(KeyedBound, WhenEveryKeyIsBusyANewOneIsRefusedAndKnownOnesGoOn) {
  Ledger ledger;
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 2, .keys_max = 2});
  auto a = tenants.try_acquire("a");
  const auto b = tenants.try_acquire("b");
  const auto c = tenants.try_acquire("c");
  ASSERT_FALSE(c);
  EXPECT_EQ(c.error().message(), "overloaded: keys_full at tenant");
  EXPECT_TRUE(tenants.try_acquire("a"));
  a->release();
  EXPECT_TRUE(tenants.try_acquire("c"));
  EXPECT_EQ(tenants.stats().refused_keys_full, 1u);
}

TEST(KeyedBound, TheKeySeenLeastLatelyMakesRoom) {
  Ledger ledger;
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 1, .keys_max = 4});
  for (const char* key : {"a", "b", "c", "d"}) EXPECT_TRUE(tenants.try_acquire(key));
  EXPECT_TRUE(tenants.try_acquire("e"));  // all were seen: the first leaves, the others' bits are cleared
  EXPECT_TRUE(tenants.try_acquire("b"));  // seen again
  EXPECT_TRUE(tenants.try_acquire("f"));
  std::vector<std::string> known;
  for (const KeyUse& use : tenants.stats().top) known.push_back(use.key);
  EXPECT_THAT(known, testing::UnorderedElementsAre("e", "b", "f", "d"));
}

TEST(KeyedBound, AKeyThatCameBackStartsWithCleanCounts) {
  Ledger ledger;
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 1, .keys_max = 1});
  {
    const auto a = tenants.try_acquire("a");
    EXPECT_FALSE(tenants.try_acquire("a"));
  }
  {
    const auto b = tenants.try_acquire("b");
  }
  const auto a = tenants.try_acquire("a");
  const KeyedBound::Stats stats = tenants.stats();
  ASSERT_EQ(stats.top.size(), 1u);
  EXPECT_EQ(stats.top[0].key, "a");
  EXPECT_EQ(stats.top[0].peak, 1u);
  EXPECT_EQ(stats.top[0].refused, 0u);
}

TEST(KeyedBound, AMillionKeysChurnedHoldNoMoreThanTheMaximum) {
  Ledger ledger;
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 1, .keys_max = 10'000, .seed = 1});
  std::deque<KeyedBound::Permit> held;
  for (int i = 0; i < 1'000'000; ++i) {
    auto permit = tenants.try_acquire("tenant-" + std::to_string(i));
    ASSERT_TRUE(permit) << i;
    held.push_back(std::move(*permit));
    if (held.size() > 5000) held.pop_front();
  }
  const KeyedBound::Stats stats = tenants.stats();
  EXPECT_EQ(stats.keys, 10'000u);
  EXPECT_EQ(stats.in_use, 5000u);
  EXPECT_EQ(stats.admitted, 1'000'000u);
  EXPECT_EQ(stats.evicted, 990'000u);
}

TEST(KeyedBound, KeysOfAnyBytesAreToldApartAndLongOnesRefused) {
  Ledger ledger;
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 1, .keys_max = 2000, .key_bytes_max = 64});
  std::vector<KeyedBound::Permit> held;
  for (std::size_t length = 0; length <= 64; ++length) {
    for (const char byte : {'\0', '\xff', 'x'}) {
      if (length == 0 && byte != 'x') continue;
      auto permit = tenants.try_acquire(std::string(length, byte));
      ASSERT_TRUE(permit) << length;
      held.push_back(std::move(*permit));
    }
  }
  EXPECT_EQ(tenants.stats().keys, 1u + 64 * 3);
  const auto too_long = tenants.try_acquire(std::string(65, 'x'));
  EXPECT_EQ(too_long.error().kind, ErrorKind::invalid);
  EXPECT_EQ(too_long.error().reason, Reason::too_large);
  EXPECT_EQ(tenants.stats().refused_key_too_long, 1u);
}

TEST(KeyedBound, IsALineInTheLedgerWithItsTopUsers) {
  Ledger ledger;
  const Bound inflight(ledger, {.name = "inflight", .limit = 200});
  KeyedBound tenants(ledger, {.name = "tenant",
                              .limit = 3,
                              .keys_max = 100,
                              .top_max = 2,
                              .because = "a fair share",
                              .parent = &inflight});
  const auto a = tenants.try_acquire("a", 1);
  const auto b = tenants.try_acquire("b", 3);
  const auto c = tenants.try_acquire("c", 2);
  EXPECT_FALSE(tenants.try_acquire("b"));
  const Row row = ledger.find("tenant").value();
  EXPECT_EQ(row.limit, 3u);
  EXPECT_EQ(row.in_use, 6u);
  EXPECT_EQ(row.peak, 3u);
  EXPECT_EQ(row.keys, 3u);
  EXPECT_EQ(row.keys_max, 100u);
  EXPECT_EQ(row.parent, "inflight");
  EXPECT_EQ(row.refused_total(), 1u);
  ASSERT_EQ(row.top.size(), 2u);
  EXPECT_EQ(row.top[0].key, "b");
  EXPECT_EQ(row.top[0].refused, 1u);
  EXPECT_EQ(row.top[1].key, "c");
}

TEST(KeyedBound, WrongDeclarationsAreRefusedWithText) {
  Ledger ledger;
  const Bound inflight(ledger, {.name = "inflight", .limit = 10});
  const auto over = KeyedBound::make(ledger, {.name = "tenant", .limit = 11, .parent = &inflight});
  EXPECT_EQ(over.error(), "bound tenant: limit 11 is over its parent inflight's 10");
  EXPECT_THAT(KeyedBound::make(ledger, {.name = "tenant"}).error(), HasSubstr("limit 0"));
  EXPECT_THAT(KeyedBound::make(ledger, {.name = "tenant", .limit = 1, .keys_max = 0}).error(),
              HasSubstr("keys_max"));
  EXPECT_THAT(KeyedBound::make(ledger, {.name = "inflight", .limit = 1}).error(), HasSubstr("two bounds"));
}

TEST(KeyedBound, SomeKeysHaveLimitsOfTheirOwn) {
  Ledger ledger;
  KeyedBound tenants(ledger,
                     {.name = "tenant", .limit = 2, .keys_max = 10, .overrides = {{"big", 5}, {"small", 1}}});
  const auto big = tenants.try_acquire("big", 5);
  const auto small = tenants.try_acquire("small");
  const auto other = tenants.try_acquire("other", 2);
  ASSERT_TRUE(big && small && other);
  EXPECT_EQ(tenants.try_acquire("big").error().reason, Reason::at_limit);
  EXPECT_EQ(tenants.try_acquire("small").error().reason, Reason::at_limit);
  EXPECT_EQ(tenants.try_acquire("other").error().reason, Reason::at_limit);
  EXPECT_EQ(tenants.try_acquire("big", 6).error().kind, ErrorKind::invalid);
  EXPECT_EQ(tenants.try_acquire("small", 2).error().kind, ErrorKind::invalid) << "would wait for ever";
  EXPECT_EQ(tenants.stats().overrides, 2u);
}

TEST(KeyedBound, OverridesAreReplacedWhileItRunsAndPermitsHeldStay) {
  Ledger ledger;
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 2, .keys_max = 10, .overrides = {{"a", 4}}});
  auto held = tenants.try_acquire("a", 4);
  ASSERT_TRUE(held);
  ASSERT_TRUE(tenants.set_overrides({{"b", 1}}));  // a has the default again, and holds more
  EXPECT_EQ(tenants.try_acquire("a").error().reason, Reason::at_limit);
  EXPECT_EQ(tenants.stats().in_use, 4u);
  held->release();
  const auto two = tenants.try_acquire("a", 2);
  EXPECT_TRUE(two);
  EXPECT_FALSE(tenants.try_acquire("a"));
  const auto b = tenants.try_acquire("b");
  EXPECT_TRUE(b);
  EXPECT_FALSE(tenants.try_acquire("b"));
  ASSERT_TRUE(tenants.set_overrides({}));
  EXPECT_TRUE(tenants.try_acquire("b"));
}

TEST(KeyedBound, AnOverrideHoldsForAKeyThatWasForgottenAndComesBack) {
  Ledger ledger;
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 1, .keys_max = 1, .overrides = {{"a", 3}}});
  EXPECT_TRUE(tenants.try_acquire("a", 3));
  EXPECT_EQ(tenants.try_acquire("b", 3).error().kind, ErrorKind::invalid);
  EXPECT_TRUE(tenants.try_acquire("b"));
  EXPECT_TRUE(tenants.try_acquire("a", 3));
}

TEST(KeyedBound, TheDefaultLimitMovesWhileItRuns) {
  Ledger ledger;
  const Bound all(ledger, {.name = "all", .limit = 10});
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 3, .keys_max = 10, .parent = &all});
  auto held = tenants.try_acquire("a", 3);
  ASSERT_TRUE(tenants.resize(1));
  EXPECT_EQ(tenants.stats().limit, 1u);
  EXPECT_FALSE(tenants.try_acquire("a"));
  held->release();
  EXPECT_TRUE(tenants.try_acquire("a"));
  ASSERT_TRUE(tenants.resize(10));
  EXPECT_TRUE(tenants.try_acquire("a", 10));
  EXPECT_EQ(tenants.resize(0).error(), "bound tenant: limit 0 would refuse everything; at least 1");
  EXPECT_EQ(tenants.resize(11).error(), "bound tenant: limit 11 is over its parent all's 10");
  EXPECT_EQ(tenants.set_overrides({{"a\n", 11}}).error(),
            "bound tenant: limit 11 for key \"a\\u000a\" is over its parent all's 10");
  EXPECT_EQ(tenants.set_overrides({{"a", 0}}).error(),
            "bound tenant: limit 0 for key \"a\" would refuse everything; at least 1");
  EXPECT_EQ(tenants.set_overrides({{std::string(300, 'x'), 1}}).error(),
            "bound tenant: an override's key of 300 bytes is over key_bytes_max 256");
  EXPECT_EQ(tenants.stats().limit, 10u);
}

TEST(KeyedBound, SmallAndLargeTablesHoldAsManyKeysAsTheySay) {
  for (const std::uint32_t keys : {1u, 2u, 7u, 48u, 500u, 1500u}) {
    Ledger ledger;
    KeyedBound tenants(ledger, {.name = "tenant", .limit = 1, .keys_max = keys, .seed = keys});
    std::vector<KeyedBound::Permit> held;
    for (std::uint32_t i = 0; i < keys; ++i) {
      auto permit = tenants.try_acquire(std::to_string(i));
      ASSERT_TRUE(permit) << i << " of " << keys;
      held.push_back(std::move(*permit));
    }
    EXPECT_EQ(tenants.try_acquire("one more").error().reason, Reason::keys_full);
  }
}

TEST(KeyedBound, NoKeyIsOverItsLimitWhileManyThreadsChurnTheKeys) {
  Ledger ledger;
  constexpr int kKeys = 12;  // more than there is room for, so that keys come and go
  KeyedBound tenants(ledger, {.name = "tenant", .limit = 2, .keys_max = 8});
  std::array<std::atomic<int>, kKeys> inside{};
  std::atomic<std::uint64_t> admitted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Xoshiro rng(static_cast<std::uint64_t>(t));
      for (int i = 0; i < 20'000; ++i) {
        const std::uint64_t key = below(rng, kKeys);
        const auto permit = tenants.try_acquire("key-" + std::to_string(key));
        if (!permit) continue;
        admitted.fetch_add(1);
        EXPECT_LE(inside[key].fetch_add(1) + 1, 2);
        inside[key].fetch_sub(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const KeyedBound::Stats stats = tenants.stats();
  EXPECT_EQ(stats.in_use, 0u);
  EXPECT_EQ(stats.admitted, admitted.load());
  EXPECT_EQ(stats.keys, 8u);
  EXPECT_GT(stats.evicted, 0u);
}

TEST(KeyHash, SpreadsKeysThatDifferInOneBitOverAllBits) {
  const std::string key = "tenant-0123456789-abcdef";
  const std::uint64_t base = internal::hash_key(key, 1);
  int flipped = 0;
  for (std::size_t bit = 0; bit < key.size() * 8; ++bit) {
    std::string other = key;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
    flipped += std::popcount(base ^ internal::hash_key(other, 1));
  }
  EXPECT_NEAR(flipped / static_cast<double>(key.size() * 8), 32, 2);
  EXPECT_NE(base, internal::hash_key(key, 2)) << "the seed counts";
}

}  // namespace
}  // namespace weir::bounds

#include "weir/service/split.h"

#include <gtest/gtest.h>

#include "weir/service/sticky.h"

namespace weir::service {
namespace {

TEST(Split, IsAsTheWeightsAre) {
  Xoshiro rng(3);
  const Split split({{"a", 95}, {"b", 5}, {"c", 0}});
  std::array<int, 3> by_chance{}, by_key{};
  for (int i = 0; i < 50'000; ++i) {
    ++by_chance[split.choose(rng)];
    ++by_key[split.choose(rng.next())];
  }
  for (const auto& counts : {by_chance, by_key}) {
    EXPECT_NEAR(counts[1], 2'500, 250);
    EXPECT_EQ(counts[2], 0);
  }
}

TEST(Split, SendsTheSameTheSameWay) {
  const Split split({{"a", 1}, {"b", 1}});
  for (std::uint64_t key = 0; key < 100; ++key) EXPECT_EQ(split.choose(key), split.choose(key));
}

TEST(Split, MovesOnlyWhatMustWhenAWeightGrows) {
  Xoshiro rng(4);
  const Split before({{"a", 90}, {"b", 10}});
  const Split after({{"a", 90}, {"b", 30}});
  int moved = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t key = rng.next();
    if (before.choose(key) == after.choose(key)) continue;
    ++moved;
    ASSERT_EQ(after.choose(key), 1U) << "nothing goes to what did not grow";
  }
  EXPECT_NEAR(moved, 20'000 * (0.25 - 0.1), 300);
}

TEST(Sticky, IsWhatTheRequestHasOfIt) {
  http::RequestHead head;
  head.headers.add("X-User", "u1");
  head.headers.add("Cookie", "a=1; session=s1 ; b=2");
  const auto peer = *net::SocketAddress::parse("10.0.0.1:1000");
  const auto hash = [&](StickyKey::Kind kind, std::string name = "") {
    return sticky_hash({.kind = kind, .name = std::move(name)}, head, peer);
  };
  using enum StickyKey::Kind;
  EXPECT_FALSE(hash(none));
  EXPECT_EQ(hash(header, "x-user"), hash(header, "X-User"));
  EXPECT_TRUE(hash(header, "X-User"));
  EXPECT_FALSE(hash(header, "X-Other"));
  EXPECT_TRUE(hash(cookie, "session"));
  EXPECT_NE(hash(cookie, "session"), hash(cookie, "b"));
  EXPECT_FALSE(hash(cookie, "sess"));
  EXPECT_EQ(hash(ip), sticky_hash({.kind = ip}, head, *net::SocketAddress::parse("10.0.0.1:2000")));
  EXPECT_NE(hash(ip), sticky_hash({.kind = ip}, head, *net::SocketAddress::parse("10.0.0.2:1000")));
}

}  // namespace
}  // namespace weir::service

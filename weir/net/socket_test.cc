#include "weir/net/socket.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::net {
namespace {

using core::Context;
using core::Scope;
using core::task;

constexpr std::size_t kBytes = 5'000;

std::byte byte_at(std::size_t position) { return static_cast<std::byte>(position * 7 + position / 251); }

std::pair<Socket, Socket> connected() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {*Socket::adopt(ends[0], {}), *Socket::adopt(ends[1], {})};
}

task<> write_in_pieces(Context& context, Socket socket, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> piece;
  for (std::size_t sent = 0; sent < kBytes;) {
    piece.resize(std::min<std::size_t>(1 + random() % 40, kBytes - sent));
    for (std::size_t i = 0; i < piece.size(); ++i) piece[i] = byte_at(sent + i);
    EXPECT_TRUE(co_await socket.write_all(context, ConstBuffer(piece)));
    sent += piece.size();
    if (random() % 2 == 0) co_await core::yield();
  }
}  // the end

// Reads, or tries, or waits first, by chance, into room for more or less than there is.
task<> read_in_any_way(Context& context, Socket& socket, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::array<std::byte, 64> room{};
  for (std::size_t have = 0;;) {
    const std::span<std::byte> buffer = std::span(room).first(1 + random() % room.size());
    if (random() % 4 == 0) {
      (void)co_await socket.readable(context, core::now() + 100us);
    }
    std::size_t count = 0;
    if (random() % 3 == 0) {
      const Result<std::optional<std::size_t>> tried = socket.try_read(buffer);
      if (!tried || !tried->has_value()) continue;
      count = **tried;
    } else {
      const Result<std::size_t> read = co_await socket.read(context, buffer);
      EXPECT_TRUE(read);
      if (!read) co_return;
      count = *read;
    }
    if (count == 0) {
      EXPECT_EQ(have, kBytes);
      co_return;
    }
    for (std::size_t i = 0; i < count; ++i)
      EXPECT_EQ(buffer[i], byte_at(have + i)) << "byte " << have + i << ", seed " << seed;
    have += count;
  }
}

TEST(SocketStress, ReadsOfAnyKindAndSizeMissNothingAndSeeTheEnd) {
  constexpr std::uint64_t kSeeds = 20;
  core::Runtime runtime({.processors = 2});
  core::Limit limit({.name = "ends", .limit = 2});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      auto [ours, theirs] = connected();
      EXPECT_TRUE(co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
        scope.spawn(*limit.try_acquire(), write_in_pieces(scope.context(), std::move(theirs), seed));
        scope.spawn(*limit.try_acquire(), read_in_any_way(scope.context(), ours, seed + kSeeds));
        co_return;
      }));
    }
  }));
}

}  // namespace
}  // namespace weir::net

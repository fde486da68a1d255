// Fork-join, a task for each call; spawn and join.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bench/harness.h"
#include "weir/core/fork.h"
#include "weir/core/limit.h"

namespace weir::bench {
namespace {

using core::Limit;
using core::Scope;
using core::task;

task<> nothing() { co_return; }

// A scope for each task: what one pays who does two things at once.
task<> spawn_join_often(Scope& root, std::uint64_t count) {
  Limit limit({.name = "tasks", .limit = 1});
  for (std::uint64_t i = 0; i < count; ++i) {
    (void)co_await core::with_scope(root.context(), [&](Scope& scope) -> task<> {
      scope.spawn(std::move(*limit.try_acquire()), nothing());
      co_return;
    });
  }
}

Duration spawn_join(std::uint64_t count) {
  return in_runtime(processors(1), [&](Scope& root) -> task<Duration> {
    const Stopwatch watch;
    co_await spawn_join_often(root, count);
    co_return watch.read();
  });
}

// Runs compute(forks) and holds its result against what is right.
template <typename Compute>
Duration forks_to(std::uint64_t right, Compute compute) {
  const unsigned on = processors();
  Limit forks({.name = "forks", .limit = 4 * on});
  return in_runtime(on, [&](Scope&) -> task<Duration> {
    const Stopwatch watch;
    const std::uint64_t result = co_await compute(forks);
    const Duration took = watch.read();
    expect(result == right, "the result is wrong");
    co_return took;
  });
}

// A tree ten wide, whose leaves send their numbers up.
task<std::uint64_t> skynet(Limit& forks, std::uint64_t first, std::uint64_t leaves) {
  if (leaves == 1) co_return first;
  const std::uint64_t each = leaves / 10;
  const auto sums = co_await core::fork<10>(
      forks, [&](std::size_t part) { return skynet(forks, first + part * each, each); });
  std::uint64_t sum = 0;
  for (const std::uint64_t part : sums) sum += part;
  co_return sum;
}

task<std::uint64_t> fib(Limit& forks, std::uint64_t n) {
  if (n < 2) co_return n;
  const auto [a, b] =
      co_await core::fork<2>(forks, [&](std::size_t part) { return fib(forks, n - 1 - part); });
  co_return a + b;
}

constexpr std::size_t kQueens = 14;

struct Board {
  std::array<std::uint8_t, kQueens> rows{};
  std::uint8_t columns = 0;  // that have a queen

  bool fits(std::uint8_t row) const {
    for (std::uint8_t i = 0; i < columns; ++i) {
      const int distance = columns - i;
      if (rows[i] == row || rows[i] == row + distance || rows[i] + distance == row) return false;
    }
    return true;
  }
  Board with(std::uint8_t row) const {
    Board next = *this;
    next.rows[next.columns++] = row;
    return next;
  }
};

task<std::uint64_t> place(Limit& forks, Board board) {
  if (board.columns == kQueens) co_return 1;
  std::array<std::uint8_t, kQueens> rows{};
  std::array<std::uint64_t, kQueens> solutions{};
  std::size_t count = 0;
  for (std::uint8_t row = 0; row < kQueens; ++row) {
    if (board.fits(row)) rows[count++] = row;
  }
  co_await core::fork_into(forks, std::span(solutions).first(count),
                           [&](std::size_t part) { return place(forks, board.with(rows[part])); });
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += solutions[i];
  co_return sum;
}

void add_computations(std::vector<Benchmark>& all) {
  // An operation is a leaf, or a call.
  constexpr std::uint64_t kLeaves = 100'000'000;
  constexpr std::uint64_t kFib39 = 63'245'986;
  constexpr std::uint64_t kFib39Calls = 204'668'309;
  constexpr std::uint64_t kQueens14 = 365'596;
  constexpr std::uint64_t kQueens14Calls = 27'358'553;
  all.push_back({"skynet/100000000", kLeaves, [] {
                   return forks_to(kLeaves * (kLeaves - 1) / 2,
                                   [](Limit& forks) { return skynet(forks, 0, kLeaves); });
                 }});
  all.push_back(
      {"fib/39", kFib39Calls, [] { return forks_to(kFib39, [](Limit& forks) { return fib(forks, 39); }); }});
  all.push_back({"nqueens/14", kQueens14Calls,
                 [] { return forks_to(kQueens14, [](Limit& forks) { return place(forks, Board{}); }); }});
}

}  // namespace

void add_forks(std::vector<Benchmark>& all) {
  add_computations(all);
  all.push_back({"spawn_join", 1'000'000, [] { return spawn_join(1'000'000); }});
}

}  // namespace weir::bench

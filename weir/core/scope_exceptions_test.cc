// An exception at each point where a program of scopes, forks and waits could
// throw, one after the other, under many orders: it reaches whoever runs the
// program, and no task, no permit and no frame stays behind.
#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "weir/core/channel.h"
#include "weir/core/fork.h"
#include "weir/core/internal/testing.h"
#include "weir/core/mutex.h"
#include "weir/core/runtime.h"
#include "weir/core/simulation.h"
#include "weir/core/sleep.h"
#include "weir/core/task_dump.h"

namespace weir::core {
namespace {

struct Thrown : std::runtime_error {
  Thrown() : std::runtime_error("thrown at its point") {}
};

// Throws at one of the points it is led through.
class Points {
 public:
  explicit Points(int at) : at_(at) {}
  void pass() {
    if (passed_++ == at_) throw Thrown();
  }
  bool was_passed() const { return passed_ > at_; }

 private:
  const int at_;
  int passed_ = 0;  // a simulation runs on one thread
};

struct Program {
  explicit Program(int point) : points(point) {}

  Points points;
  Limit limit{{.name = "tasks", .limit = 100}};
  Limit forks{{.name = "forks", .limit = 2}};
  Mutex mutex;
  Channel<int> channel{{.capacity = 1}};
};

task<int> leaf(Context& context, Program& program, int number) {
  program.points.pass();
  (void)co_await sleep_for(context, 1ms * number);
  program.points.pass();
  co_return number;
}

task<> sender(Context& context, Program& program) {
  for (int i = 0; i < 3; ++i) {
    program.points.pass();
    if (!co_await program.channel.send(context, i)) co_return;
    program.points.pass();
  }
}

task<> receiver(Context& context, Program& program) {
  for (int i = 0; i < 3; ++i) {
    const Result<int> value = co_await program.channel.receive(context);
    program.points.pass();
    if (!value) co_return;
  }
  const Result<Mutex::Guard> guard = co_await program.mutex.lock(context);
  program.points.pass();
  co_await yield();
  program.points.pass();
}

task<> nested(Context& context, Program& program) {
  program.points.pass();
  (void)co_await with_scope(context, [&](Scope& scope) -> task<> {
    program.points.pass();
    scope.spawn((co_await program.limit.acquire(scope.context())).value(),
                receiver(scope.context(), program));
    program.points.pass();
    co_await yield();
    scope.spawn(program.limit.try_acquire().value(), sender(scope.context(), program));
    program.points.pass();
    const Result<Mutex::Guard> guard = co_await program.mutex.lock(scope.context());
    program.points.pass();
    (void)co_await sleep_for(scope.context(), 1ms);
    program.points.pass();
  });
  program.points.pass();
  const auto leaves = co_await fork<3>(
      program.forks, [&](std::size_t part) { return leaf(context, program, static_cast<int>(part)); });
  program.points.pass();
  EXPECT_EQ(leaves[2], 2);
}

// False: the program came to its end before that point.
bool throws_at(int point, std::uint64_t seed) {
  SCOPED_TRACE("point " + std::to_string(point) + ", seed " + std::to_string(seed));
  Program program(point);
  Simulation simulation({.seed = seed});
  Runtime runtime({.processors = 2, .simulation = &simulation});
  const std::size_t before = list_tasks().value().size();
  bool thrown = false;
  try {
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      root.spawn(program.limit.try_acquire().value(), nested(root.context(), program));
      (void)co_await sleep_for(root.context(), 1ms);
      program.points.pass();
      co_await nested(root.context(), program);
    }));
  } catch (const Thrown&) {
    thrown = true;
  }
  EXPECT_EQ(thrown, program.points.was_passed()) << "it reaches who runs the program";
  EXPECT_EQ(runtime.stats().tasks_live, 0u);
  EXPECT_EQ(program.limit.stats().in_use, 0u);
  EXPECT_EQ(program.forks.stats().in_use, 0u);
  EXPECT_TRUE(program.mutex.try_lock().has_value());
  EXPECT_EQ(list_tasks().value().size(), before);
  return thrown;
}

TEST(ScopeExceptions, AtEachPointOfAProgramLeaveNothingBehind) {
  const internal::Watchdog watchdog("exceptions at each point");
  std::mt19937_64 seeds(internal::print_seed());
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t seed = seeds();
    int point = 0;
    while (throws_at(point, seed) && !::testing::Test::HasFailure()) ++point;
    if (::testing::Test::HasFailure()) return;
    EXPECT_GT(point, 30) << "the program has many points";
  }
}

}  // namespace
}  // namespace weir::core

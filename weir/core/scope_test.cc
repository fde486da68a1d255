#include "weir/core/scope.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>

#include "weir/core/internal/testing.h"
#include "weir/core/mutex.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::core {
namespace {

using internal::Baton;
using internal::ManualClock;
using internal::settle;
using internal::Spawner;
using internal::Watchdog;

class ScopeTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
    EXPECT_EQ(runtime_.stats().tasks_live, 0u);
    EXPECT_EQ(spawn_.in_use(), 0u);
  }

  ManualClock clock_;
  Runtime runtime_{{.processors = 1, .clock = &clock_}};
  Spawner spawn_;
};

task<Result<>> wait_for(Context& context, Baton& baton) { co_return co_await baton.wait(context); }

task<Result<>> fails(ErrorKind kind) { co_return fail(kind); }

task<> counts(int& count) {
  ++count;
  co_return;
}

TEST_F(ScopeTest, WithoutChildrenReturnsWhatItsBodyReturns) {
  run([&](Scope& root) -> task<> {
    EXPECT_TRUE(co_await with_scope(root.context(), [](Scope&) -> task<> { co_return; }));
    EXPECT_TRUE(co_await with_scope(root.context(), [](Scope&) -> task<Result<>> { co_return Result<>(); }));
    const Result<> failed = co_await with_scope(
        root.context(), [](Scope&) -> task<Result<>> { co_return fail(ErrorKind::invalid); });
    EXPECT_EQ(failed.error().kind, ErrorKind::invalid);
  });
}

// Its context joins its parent's when it is first asked for.
TEST_F(ScopeTest, ItsContextIsCancelledThoughTheParentWasBeforeItWasAskedFor) {
  run([&](Scope& root) -> task<> {
    Context parent(root.context());
    EXPECT_TRUE(co_await with_scope(parent, [&](Scope& scope) -> task<> {
      parent.cancel();
      EXPECT_TRUE(scope.context().cancelled());
      co_return;
    }));
  });
}

TEST_F(ScopeTest, ItsOwnCancellationIsKeptUntilItsContextIsAskedFor) {
  run([&](Scope& root) -> task<> {
    EXPECT_TRUE(co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
      scope.cancel();
      EXPECT_TRUE(scope.context().cancelled());
      EXPECT_FALSE(root.context().cancelled());
      co_return;
    }));
  });
}

// Children on all processors ask for the context for the first time at once,
// while the parent is cancelled.
TEST(ScopeStress, EveryChildIsCancelledThatAsksForTheContextMeanwhile) {
  const Watchdog watchdog("contexts asked for while the parent is cancelled");
  constexpr int kRounds = 2000;
  constexpr int kChildren = 4;
  Runtime runtime({.processors = 3});
  Spawner spawn;
  std::atomic<int> cancelled{0};
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto child = [](Scope& scope, std::atomic<int>& count) -> task<> {
      const Result<> slept = co_await sleep_for(scope.context(), 1h);
      if (!slept && slept.error().kind == ErrorKind::cancelled) count.fetch_add(1);
    };
    for (int round = 0; round < kRounds; ++round) {
      Context parent(root.context());
      EXPECT_TRUE(co_await with_scope(parent, [&](Scope& scope) -> task<> {
        for (int i = 0; i < kChildren; ++i) spawn(scope, child(scope, cancelled));
        if (round % 2 == 0) co_await yield();
        parent.cancel();
      }));
    }
  }));
  EXPECT_EQ(cancelled, kRounds * kChildren);
}

TEST_F(ScopeTest, OutlivesChildrenThatOutliveItsBody) {
  run([&](Scope& root) -> task<> {
    Baton baton;
    bool ended = false;
    const auto poster = [](Baton& to_post) -> task<> {
      co_await settle();
      to_post.post();
    };
    spawn_(root, poster(baton));
    EXPECT_TRUE(co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
      const auto child = [](Context& context, Baton& to_wait_for, bool& done) -> task<> {
        EXPECT_TRUE(co_await to_wait_for.wait(context));
        done = true;
      };
      spawn_(scope, child(scope.context(), baton, ended));
      co_return;
    }));
    EXPECT_TRUE(ended);
  });
}

TEST_F(ScopeTest, ChildrenMaySpawnMoreAfterTheBodyHasEnded) {
  run([&](Scope& root) -> task<> {
    int count = 0;
    EXPECT_TRUE(co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
      const auto child = [](Scope& to, Spawner& spawn, int& counter) -> task<> {
        co_await settle();
        for (int i = 0; i < 10; ++i) spawn(to, counts(counter));
      };
      spawn_(scope, child(scope, spawn_, count));
      co_return;
    }));
    EXPECT_EQ(count, 10);
  });
}

TEST_F(ScopeTest, TheFirstFailureIsTheOneReturned) {
  run([&](Scope& root) -> task<> {
    for (const OnError policy : {OnError::cancel_rest, OnError::run_all}) {
      const Result<> outcome = co_await with_scope(
          root.context(),
          [&](Scope& scope) -> task<Result<>> {
            spawn_(scope, fails(ErrorKind::unsupported));
            spawn_(scope, fails(ErrorKind::internal));
            co_await settle();
            co_return fail(ErrorKind::invalid);
          },
          policy);
      EXPECT_EQ(outcome.error().kind, ErrorKind::unsupported);
    }
  });
}

TEST_F(ScopeTest, AFailureOfTheBodyCancelsTheChildrenAndUnderRunAllDoesNot) {
  run([&](Scope& root) -> task<> {
    Baton baton;
    Result<> waited;
    const auto child = [](Context& context, Baton& on, Result<>& result) -> task<> {
      result = co_await on.wait(context);
    };
    // A scope's body may capture: it is kept until the scope has ended.
    const auto body = [&](Scope& scope) -> task<Result<>> {
      spawn_(scope, child(scope.context(), baton, waited));
      co_await settle();
      co_return fail(ErrorKind::invalid);
    };
    EXPECT_EQ((co_await with_scope(root.context(), body)).error().kind, ErrorKind::invalid);
    EXPECT_EQ(waited.error().kind, ErrorKind::cancelled);
    baton.post();
    EXPECT_EQ((co_await with_scope(root.context(), body, OnError::run_all)).error().kind, ErrorKind::invalid);
    EXPECT_TRUE(waited);
  });
}

TEST_F(ScopeTest, CancellingTheParentReachesGrandchildrenAndAllAreJoined) {
  run([&](Scope& root) -> task<> {
    Context context(root.context());
    const auto grandchild = [](Context& parent) -> task<Result<>> {
      co_return co_await sleep_for(parent, 1h);
    };
    const auto child = [grandchild](Context& parent, Spawner& spawn) -> task<Result<>> {
      co_return co_await with_scope(parent, [&](Scope& inner) -> task<> {
        for (int i = 0; i < 3; ++i) spawn(inner, grandchild(inner.context()));
        co_return;
      });
    };
    const auto canceller = [](Context& to_cancel) -> task<> {
      co_await settle();
      to_cancel.cancel();
    };
    spawn_(root, canceller(context));
    const Result<> outcome = co_await with_scope(context, [&](Scope& scope) -> task<> {
      for (int i = 0; i < 3; ++i) spawn_(scope, child(scope.context(), spawn_));
      co_return;
    });
    EXPECT_EQ(outcome.error().kind, ErrorKind::cancelled);
    EXPECT_EQ(spawn_.in_use(), 0u);
    EXPECT_FALSE(root.context().cancelled());
  });
}

TEST_F(ScopeTest, AChildOfACancelledScopeRunsAndIsToldAtItsFirstWait) {
  run([&](Scope& root) -> task<> {
    Baton never;
    int ran = 0;
    const Result<> outcome = co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
      scope.cancel();
      spawn_(scope, counts(ran));
      spawn_(scope, wait_for(scope.context(), never));
      co_return;
    });
    EXPECT_EQ(ran, 1);
    EXPECT_EQ(outcome.error().kind, ErrorKind::cancelled);
  });
}

TEST_F(ScopeTest, AnExceptionThatIsNoStdExceptionIsDeliveredToo) {
  run([&](Scope& root) -> task<> {
    int caught = 0;
    try {
      co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
        const auto throws = []() -> task<> {
          throw 42;
          co_return;
        };
        spawn_(scope, throws());
        co_return;
      });
    } catch (int value) {
      caught = value;
    }
    EXPECT_EQ(caught, 42);
  });
}

// A piece of work that waits in every way there is, with a hook at each place
// where an exception may come up; run again and again, with the exception at
// the next place, until there is no further place.
class Minefield {
 public:
  Minefield(unsigned processors, int mine) : mine_(mine), runtime_({.processors = processors}) {}

  // False: the mine was beyond the last place.
  bool run() {
    try {
      const Result<> done = runtime_.run([this](Scope& root) -> task<> { co_await work(root, 2); });
      EXPECT_TRUE(done || thrown_) << done.error().message();
    } catch (const std::runtime_error& error) {
      EXPECT_TRUE(thrown_);
      EXPECT_STREQ(error.what(), "mine");
    }
    EXPECT_EQ(alive_, 0) << "a frame was left behind, mine " << mine_;
    EXPECT_EQ(spawn_.in_use(), 0u) << "a permit was left behind, mine " << mine_;
    EXPECT_EQ(runtime_.stats().tasks_live, 0u) << "mine " << mine_;
    EXPECT_TRUE(mutex_.try_lock()) << "the mutex was left locked, mine " << mine_;
    return thrown_;
  }

 private:
  // Lives in each frame.
  struct Guest {
    explicit Guest(std::atomic<int>& alive) : count(alive) { count.fetch_add(1); }
    ~Guest() { count.fetch_sub(1); }
    std::atomic<int>& count;
  };

  void place() {
    if (places_.fetch_add(1) != mine_) return;
    thrown_ = true;
    throw std::runtime_error("mine");
  }

  task<int> value() {
    const Guest guest(alive_);
    place();
    co_await yield();
    place();
    co_return 1;
  }

  task<> leaf(Context& context) {
    const Guest guest(alive_);
    place();
    co_await yield();
    place();
    {
      const Result<Mutex::Guard> guard = co_await mutex_.lock(context);
      place();
      (void)co_await sleep_for(context, 50us);
      place();
    }
    (void)co_await value();
    place();
  }

  task<> work(Scope& scope, int depth) {
    const Guest guest(alive_);
    place();
    for (int i = 0; i < 3; ++i) {
      spawn_(scope, leaf(scope.context()));
      place();
    }
    (void)co_await value();
    place();
    if (depth > 0) {
      (void)co_await with_scope(scope.context(),
                                [this, depth](Scope& inner) { return work(inner, depth - 1); });
      place();
    }
  }

  const int mine_;
  std::atomic<int> places_{0};
  std::atomic<bool> thrown_{false};
  std::atomic<int> alive_{0};
  Mutex mutex_;
  Spawner spawn_;
  Runtime runtime_;
};

TEST(Scope, AnExceptionAtAnyPlaceLeavesNothingBehind) {
  for (const unsigned processors : {1u, 3u}) {
    int mine = 0;
    while (Minefield(processors, mine).run() && !::testing::Test::HasFailure()) ++mine;
    EXPECT_GT(mine, 80) << "places where it was thrown";
  }
}

TEST_F(ScopeTest, CollectsTheFailuresOfAllChildrenWhereAskedAndLetsTheOthersGoOn) {
  constexpr int kChildren = 20;
  Failures failures(5);
  int ended = 0;
  Runtime runtime({.processors = 1});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    const auto child = [](Context& context, int number, int& count) -> task<Result<>> {
      co_await yield();
      ++count;
      EXPECT_FALSE(context.cancelled());
      if (number % 2 == 0) co_return fail(ErrorKind::disconnected);
      if (number == 1) throw std::runtime_error("child 1");
      co_return {};
    };
    const auto body = [&](Scope& scope) -> task<> {
      for (int i = 0; i < kChildren; ++i) spawn_(scope, child(scope.context(), i, ended));
      co_return;
    };
    const Result<> outcome = co_await with_scope(root.context(), body, failures);
    EXPECT_EQ(outcome.error().kind, ErrorKind::disconnected) << "the first";
  }));
  EXPECT_EQ(ended, kChildren);
  EXPECT_EQ(failures.count(), 11u);
  EXPECT_EQ(failures.kept().size(), 5u);
  EXPECT_EQ(failures.kept()[0].error.kind, ErrorKind::disconnected);
  EXPECT_TRUE(failures.kept()[1].exception);
}

}  // namespace
}  // namespace weir::core

#include "weir/core/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::settle;
using internal::Spawner;
using internal::Watchdog;

class SignalsTest : public ::testing::Test {
 protected:
  // Before any thread is started.
  SignalsTest() { SignalSet::block({SIGUSR1, SIGUSR2}); }

  static task<> take(Context& context, SignalSet& signals, std::optional<Result<int>>& number) {
    number = co_await signals.next(context);
  }
  static void send(int signal) { EXPECT_EQ(::kill(::getpid(), signal), 0); }
};

TEST_F(SignalsTest, ATaskIsToldWhichSignalCame) {
  const Watchdog watchdog("signals");
  for (const unsigned processors : {1u, 3u}) {
    Runtime runtime({.processors = processors});
    Spawner spawn;
    EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
      SignalSet signals = SignalSet::open({SIGUSR1, SIGUSR2}).value();
      for (const int signal : {SIGUSR1, SIGUSR2, SIGUSR1}) {
        std::optional<Result<int>> number;
        EXPECT_TRUE(co_await with_scope(root.context(), [&](Scope& scope) -> task<> {
          spawn(scope, take(scope.context(), signals, number));
          co_await settle();
          send(signal);
        }));
        EXPECT_EQ(number.value().value(), signal);
      }
    }));
  }
}

TEST_F(SignalsTest, ASignalFromBeforeIsNotLost) {
  const Watchdog watchdog("signals");
  send(SIGUSR1);
  Runtime runtime({.processors = 1});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    SignalSet signals = SignalSet::open({SIGUSR1}).value();
    EXPECT_EQ(*co_await signals.next(root.context()), SIGUSR1);
    EXPECT_EQ(::raise(SIGUSR1), 0);
    EXPECT_EQ(*co_await signals.next(root.context()), SIGUSR1);
  }));
}

TEST_F(SignalsTest, ACancelledWaitTakesNoSignal) {
  const Watchdog watchdog("signals");
  Runtime runtime({.processors = 1});
  EXPECT_TRUE(runtime.run([&](Scope& root) -> task<> {
    SignalSet signals = SignalSet::open({SIGUSR1}).value();
    Context context(root.context());
    context.cancel();
    EXPECT_EQ((co_await signals.next(context)).error().kind, ErrorKind::cancelled);
    Context late(root.context(), TimePoint{});
    EXPECT_EQ((co_await signals.next(late)).error().kind, ErrorKind::deadline);
    send(SIGUSR1);
    EXPECT_EQ(*co_await signals.next(root.context()), SIGUSR1);
  }));
}

}  // namespace
}  // namespace weir::core

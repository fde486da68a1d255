#include "weir/core/internal/timer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <random>

#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core::internal {
namespace {

constexpr Duration kTick{1 << TimerWheel::kTickBits};

struct Alarm {
  Alarm(TimerWheel& owner, TimePoint when) : wheel(owner), at(when) {}
  ~Alarm() { cancel(); }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  void start() { wheel.start(parking, at); }
  void cancel() { wheel.cancel(parking); }
  bool started() const { return static_cast<const ListNode<InTimerWheel>&>(parking).linked(); }
  bool fired() const { return parking.decided(); }

  TimerWheel& wheel;
  const TimePoint at;
  Parking parking{WaitReason::sleep};
};

// Parkings are made by tasks, so the body of each test is one.
template <typename Body>
void as_task(Body body) {
  Runtime runtime({.processors = 1});
  EXPECT_TRUE(runtime.run([&](Scope&) -> task<> {
    body();
    co_return;
  }));
}

// A wheel beside what it should do: a plain list of alarms.
class Model {
 public:
  Model(std::uint64_t seed, TimePoint origin) : random_(seed), now_(origin), wheel_(origin) {}

  void step() {
    const std::uint64_t choice = below(10);
    if (choice < 5) {
      start(pick_time());
    } else if (choice < 7) {
      cancel();
    } else {
      advance(pick_now());
    }
    expect_next_is_not_late();
  }

  // Lets everything end: what is left fires, each at its time, but for what
  // would fire in the tick that time ends in.
  void run_out() {
    alarms_.remove_if([](const Alarm& alarm) { return alarm.at > kNever - kTick; });
    while (!alarms_.empty()) {
      ASSERT_NE(wheel_.next(), kNever) << alarms_.size() << " alarms are lost";
      advance(std::max(now_, wheel_.next()));
      if (::testing::Test::HasFailure()) return;
    }
    // One that was cancelled may still be announced, once.
    if (wheel_.next() != kNever) advance(std::max(now_, wheel_.next()));
    EXPECT_EQ(wheel_.next(), kNever);
  }

  std::size_t fired() const { return fired_; }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  // Any order of magnitude is as likely as any other.
  Duration any_span(int bits_max) {
    const std::uint64_t bits = below(static_cast<std::uint64_t>(bits_max) + 1);
    return Duration(static_cast<Duration::rep>(random_() & ((1ull << bits) - 1)));
  }

  TimePoint pick_time() {
    switch (below(8)) {
      case 0: return now_ - std::min(any_span(50), now_.time_since_epoch());
      case 1: return now_ + boundary_span();
      case 2: return kNever - any_span(40);
      default: return saturating_add(now_, any_span(62));
    }
  }

  // Just before, at or after the ticks where a level ends.
  Duration boundary_span() {
    const Duration level = kTick * (1ll << (6 * below(7)));
    return level * static_cast<int>(1 + below(64)) + Duration(static_cast<int>(below(3)) - 1);
  }

  TimePoint pick_now() {
    const TimePoint next = wheel_.next();
    switch (below(6)) {
      case 0: return now_;
      case 1: return reachable(next) ? next : now_;
      case 2: return reachable(next) ? next - 1ns : now_;
      case 3: {
        if (alarms_.empty()) return now_;
        const auto any = std::next(alarms_.begin(), static_cast<std::ptrdiff_t>(below(alarms_.size())));
        return reachable(any->at) ? any->at + Duration(static_cast<int>(below(3)) - 1) : now_;
      }
      default: return now_ + any_span(48);
    }
  }

  // Near enough that time does not run out before the test does.
  bool reachable(TimePoint at) const { return at > now_ + 1ns && at - now_ < Duration(1ll << 48); }

  void start(TimePoint at) {
    Alarm& alarm = alarms_.emplace_back(wheel_, at);
    alarm.start();
    EXPECT_TRUE(alarm.started());
  }

  void cancel() {
    if (alarms_.empty()) return;
    const auto any = std::next(alarms_.begin(), static_cast<std::ptrdiff_t>(below(alarms_.size())));
    any->cancel();
    EXPECT_FALSE(any->started());
    EXPECT_FALSE(any->fired());
    alarms_.erase(any);
  }

  void advance(TimePoint to) {
    now_ = std::max(now_, to);
    std::size_t count = wheel_.advance(now_);
    alarms_.remove_if([&](const Alarm& alarm) {
      if (!alarm.fired()) {
        EXPECT_GT(alarm.at, now_ - kTick) << "late by more than a tick";
        return false;
      }
      EXPECT_LE(alarm.at, now_) << "early";
      --count;
      ++fired_;
      return true;
    });
    EXPECT_EQ(count, 0u) << "advance() counts what it fires";
  }

  void expect_next_is_not_late() const {
    for (const Alarm& alarm : alarms_) {
      EXPECT_LE(wheel_.next(), std::max(now_, saturating_add(alarm.at, kTick - 1ns)));
    }
  }

  std::mt19937_64 random_;
  TimePoint now_;
  TimerWheel wheel_;
  std::list<Alarm> alarms_;
  std::size_t fired_ = 0;
};

TEST(TimerWheel, DoesWhatAPlainListWouldDoUnderRandomUse) {
  std::mt19937_64 seeds(print_seed());
  as_task([&] {
    std::size_t fired = 0;
    for (int round = 0; round < 300 && !::testing::Test::HasFailure(); ++round) {
      const std::uint64_t seed = seeds();
      SCOPED_TRACE("round with seed " + std::to_string(seed));
      Model model(seed, TimePoint(Duration(static_cast<Duration::rep>(seed >> (4 + seed % 60)))));
      for (int i = 0; i < 1000 && !::testing::Test::HasFailure(); ++i) model.step();
      model.run_out();
      fired += model.fired();
    }
    EXPECT_GT(fired, 1000u);
  });
}

TEST(TimerWheel, FiresOnBothSidesOfEveryLevelsEndAtTheTickAndNotBefore) {
  as_task([] {
    for (int level = 0; level < 7; ++level) {
      for (const int ticks_off : {-1, 0, 1}) {
        const TimePoint origin(7s);
        TimerWheel wheel(origin);
        Alarm alarm(wheel, origin + kTick * (1ll << (6 * level)) + kTick * ticks_off);
        alarm.start();
        if (alarm.at > origin) {
          EXPECT_EQ(wheel.advance(alarm.at - 1ns), 0u);
          EXPECT_FALSE(alarm.fired()) << "level " << level;
        }
        EXPECT_EQ(wheel.advance(alarm.at), 1u);
        EXPECT_TRUE(alarm.fired()) << "level " << level;
      }
    }
  });
}

TEST(TimerWheel, FiresWhatIsPastAtTheNextAdvance) {
  as_task([] {
    const TimePoint origin(10s);
    TimerWheel wheel(origin);
    (void)wheel.advance(origin + 1s);
    for (const TimePoint at : {TimePoint::min(), TimePoint{}, origin, origin + 1s - kTick}) {
      Alarm alarm(wheel, at);
      alarm.start();
      EXPECT_LE(wheel.next(), origin + 1s);
      EXPECT_EQ(wheel.advance(origin + 1s), 1u);
      EXPECT_TRUE(alarm.fired());
    }
  });
}

TEST(TimerWheel, TakesTheFarthestFutureFromTheFarthestPast) {
  as_task([] {
    for (const TimePoint origin : {TimePoint(-1h), TimePoint{}, TimePoint(400'000h)}) {
      TimerWheel wheel(origin);
      for (const TimePoint at : {kNever - 1ns, kNever}) {
        Alarm alarm(wheel, at);
        alarm.start();
        EXPECT_EQ(wheel.advance(origin + 1h), 0u);
        EXPECT_GT(wheel.next(), origin + 1h);
        EXPECT_FALSE(alarm.fired());
      }
      EXPECT_EQ(wheel.advance(origin + 2h), 0u);
    }
  });
}

TEST(TimerWheel, JumpsOverAnyNumberOfTimersAtOnce) {
  as_task([] {
    TimerWheel wheel(TimePoint{});
    std::list<Alarm> alarms;
    for (int bits = 0; bits < 60; ++bits) {
      Alarm& alarm = alarms.emplace_back(wheel, TimePoint(Duration(1ll << bits)));
      alarm.start();
    }
    EXPECT_EQ(wheel.advance(TimePoint(Duration(1ll << 60))), alarms.size());
    EXPECT_TRUE(std::ranges::all_of(alarms, &Alarm::fired));
    EXPECT_EQ(wheel.next(), kNever);
  });
}

TEST(TimerWheel, OfVeryManyThatAreDueFiresSomeAtATimeAndIsDueAtOnceForTheRest) {
  as_task([] {
    constexpr std::size_t kAlarms = 20'000;
    TimerWheel wheel(TimePoint{});
    std::list<Alarm> alarms;
    // Of one tick, and of two that come down from a higher level together.
    for (std::size_t i = 0; i < kAlarms; ++i) {
      alarms.emplace_back(wheel, TimePoint(kTick * (i % 4 == 0 ? 1 : 5000 + static_cast<int>(i % 2))))
          .start();
    }
    std::size_t fired = 0;
    std::size_t rounds = 0;
    const TimePoint end(kTick * 6000);
    while (wheel.next() != kNever) {
      ASSERT_LE(wheel.next(), end);
      const std::size_t now_fired = wheel.advance(end);
      EXPECT_LT(now_fired, kAlarms / 2);
      fired += now_fired;
      ++rounds;
    }
    EXPECT_EQ(fired, kAlarms);
    EXPECT_GT(rounds, 4u);
    EXPECT_TRUE(std::ranges::all_of(alarms, &Alarm::fired));
  });
}

TEST(TimerWheel, ATimerThatWasCancelledOrHasFiredCanBeCancelledAgain) {
  as_task([] {
    TimerWheel wheel(TimePoint{});
    Alarm cancelled(wheel, TimePoint(1ms));
    Alarm fired(wheel, TimePoint(1ms));
    Alarm never_started(wheel, TimePoint(1ms));
    cancelled.start();
    fired.start();
    cancelled.cancel();
    EXPECT_EQ(wheel.advance(TimePoint(2ms)), 1u);
    for (Alarm* alarm : {&cancelled, &fired, &never_started}) {
      alarm->cancel();
      EXPECT_FALSE(alarm->started());
    }
    EXPECT_FALSE(cancelled.fired());
    EXPECT_TRUE(fired.fired());
  });
}

}  // namespace
}  // namespace weir::core::internal

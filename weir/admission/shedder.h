// Which priority levels are admitted while more comes than can be served.
//
//   Shedder shedder({});
//   if (shedder.passes(levels, cost) == Shedder::Pass::no) return refuse(shed);
//   ... every Options::every:
//   shedder.step(now, {.arrivals = by_level, .second = by_second_level, .completed = units, .held_back =
//   true, .busy = true});
//
// The threshold is set at once to what fits: the class at which the recent arrivals,
// counted from the most important, reach what was lately completed a second while
// the limit held something back. Classes above it pass, those below are shed, and of
// it the cohorts share what is left: each as much as it asks for, up to a level at
// which it is used up (max-min fairness), by either of its two cohorts, so that hardly
// ever a tenant has to share with another by chance. So a tenant that asks for little is not
// touched by one that asks for much, and equal tenants have equal shares.
// No steps: five times the load is met within the time
// in which it can be told from chance, 10 ms or ~128 arrivals. More passes than fits,
// half as much again and what chance may explain (two standard deviations of the
// count): the queue chooses among these, so that a threshold a little low costs
// nothing, where one too high would cost goodput.
//
// Each class is guaranteed a minimum share of the capacity, so that none starves:
// what is below the threshold passes as long as its class has not had its share.
//
// step() belongs to one thread at a time; the rest to any. No allocation.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "weir/admission/priority.h"
#include "weir/base/clock.h"

namespace weir::admission {

// Units (requests by their cost) by level.
using LevelCounts = std::array<std::uint32_t, kLevels>;

class Shedder {
 public:
  struct Options {
    // Of the capacity, for each class while the threshold is above it: sheddable,
    // low, normal, high, critical. Each in [0, 1); their sum below 1.
    std::array<double, kClasses> shares = {0.01, 0.01, 0.02, 0.05, 0.05};
    Duration every = 10ms;  // how often step() is wanted
  };

  // What happened since the last step.
  struct Span {
    const LevelCounts& arrivals;  // all that asked, also what was shed
    const LevelCounts& second;    // the same, by their second levels
    std::uint64_t completed = 0;  // units
    bool held_back = false;       // something waited, or was refused by the limit
    bool busy = false;            // at least half of the limit was in use
  };

  // WEIR_CHECKs the shares.
  explicit Shedder(const Options& options);

  // Whether a request may go on. One relaxed load, as long as it does.
  enum class Pass : std::uint8_t { no, above, by_share };
  Pass passes(Levels levels, std::uint32_t cost);
  // What passed by its share, and was refused further on.
  void give_back(Levels levels, std::uint32_t cost);
  // Levels below it are shed, but for their classes' shares; 0: none is. The first of a
  // class, of which not all may pass. For a header that tells clients what not to send.
  std::uint32_t threshold() const { return threshold_.load(std::memory_order_relaxed); }

  void step(TimePoint now, const Span& span);
  // From the next step on. WEIR_CHECKs them; as step().
  void set_shares(const std::array<double, kClasses>& shares);

  Duration every() const { return options_.every; }
  // As far as they are known, else 0. Units a second. Any thread.
  double capacity() const { return capacity_.load(std::memory_order_relaxed); }
  double arrivals() const { return arrivals_.load(std::memory_order_relaxed); }

 private:
  // Units over time of the last kSamples or so.
  struct Rate {
    static constexpr double kSamples = 128;
    void add(double units, double seconds);
    double per_second() const { return seconds > 0 ? units / seconds : 0; }
    double units = 0;
    double seconds = 0;
  };

  void learn(const Span& span, double seconds);
  // Decides anew who passes: `units` of the recent arrivals, from the top.
  void admit(double units);
  struct Cohorts;
  void share_out(Cohorts& cohorts, std::uint32_t criticality, double units);
  static bool comes_up(Cohorts& cohorts, std::uint32_t cohort);
  void give_shares(double units);

  Options options_;  // its shares are step()'s; the rest is constant
  // All atomics are relaxed: each says something by itself and orders nothing.
  std::atomic<std::uint32_t> threshold_{0};
  std::atomic<float> capacity_{0};
  std::atomic<float> arrivals_{0};
  static constexpr std::uint32_t kWhole = 1u << 16;
  // Of the threshold's class: what part of each cohort passes, of kWhole; and what it
  // has come to, passing when it comes to a whole one.
  struct Cohorts {
    std::array<std::atomic<std::uint32_t>, kCohorts> passing{};
    std::array<std::atomic<std::uint32_t>, kCohorts> come_to{};
    std::array<double, kLevels> seen{};  // step()'s: recent arrivals by level
  };
  Cohorts first_;
  Cohorts second_;
  // What each class may still have of its share, in 1/1024 units.
  std::array<std::atomic<std::int64_t>, kClasses> credit_{};

  // step()'s.
  TimePoint stepped_at_ = {};
  Rate coming_;
  Rate drained_;               // while something was held back
  double known_capacity_ = 0;  // units a second; 0: not known
  double seen_total_ = 0;
};

}  // namespace weir::admission

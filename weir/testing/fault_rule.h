// The words in which a fault is said: how long a delay is, and which of the
// events that could be hit are. Shared by the named points of a program
// (faults.h) and by proxies in front of its dependencies.
//
//   const Delay delay{.shape = NormalDelay{.mean = 50ms, .sd = 10ms}, .max = 1s};
//   const Occurrence some = Occurrence::share(0.1);
//   const std::uint64_t event = events.fetch_add(1) + 1;
//   if (some.hits(event, seed)) wait_for(delay.sample(event, seed));
//
// Everything follows from a seed and the event's number, so a run is repeated by
// its seed whichever thread meets which event. Plain values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "weir/base/clock.h"
#include "weir/base/rng.h"

namespace weir::testing {

struct ConstantDelay {
  Duration value{};
  bool operator==(const ConstantDelay&) const = default;
};

// From `min` to `max`, both included.
struct UniformDelay {
  Duration min{};
  Duration max{};
  bool operator==(const UniformDelay&) const = default;
};

// What falls below 0 is 0.
struct NormalDelay {
  Duration mean{};
  Duration sd{};
  bool operator==(const NormalDelay&) const = default;
};

struct ExponentialDelay {
  Duration mean{};
  bool operator==(const ExponentialDelay&) const = default;
};

// Never below `min`; longer than x with the probability (min / x) ^ shape. The
// smaller the shape, the heavier the tail: with 1 or less it has no mean.
struct ParetoDelay {
  Duration min{};
  double shape = 0;
  bool operator==(const ParetoDelay&) const = default;
};

struct Delay {
  using Shape = std::variant<ConstantDelay, UniformDelay, NormalDelay, ExponentialDelay, ParetoDelay>;

  Shape shape;
  // What would be longer is as long as this.
  Duration max = 1h;

  // From 0 to `max`, whatever the numbers above are.
  Duration sample(Rng& rng) const;
  // The same for the event of this number.
  Duration sample(std::uint64_t event, std::uint64_t seed) const;

  bool operator==(const Delay&) const = default;
};

// "50ms", "normal, mean 50ms, sd 10ms".
std::string to_string(const Delay& delay);

// Which of the events that match are hit.
class Occurrence {
 public:
  enum class Kind : std::uint8_t { all, share, nth, every };

  Occurrence() = default;  // all of them
  static Occurrence all() { return {}; }
  // Each with this probability, from 0 to 1, independently of the others.
  static Occurrence share(double share) { return {Kind::share, share, 0}; }
  // One: the nth, counted from 1.
  static Occurrence nth(std::uint64_t n) { return {Kind::nth, 0, n}; }
  // The nth, and every nth after it. 0: none.
  static Occurrence every(std::uint64_t n) { return {Kind::every, 0, n}; }

  // Whether the event of this number, the first being 1, is hit.
  bool hits(std::uint64_t event, std::uint64_t seed) const;

  Kind kind() const { return kind_; }
  double share() const { return share_; }      // of Kind::share
  std::uint64_t number() const { return n_; }  // of Kind::nth and Kind::every

  bool operator==(const Occurrence&) const = default;

 private:
  Occurrence(Kind kind, double share, std::uint64_t n) : kind_(kind), share_(share), n_(n) {}

  Kind kind_ = Kind::all;
  double share_ = 1;
  std::uint64_t n_ = 1;
};

// "all", "10%", "nth 3", "every 3".
std::string to_string(const Occurrence& occurrence);

// A seed for the `index`th of several users of one, so that they do not act in step.
std::uint64_t seed_of(std::uint64_t seed, std::uint64_t index);

}  // namespace weir::testing

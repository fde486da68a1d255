// Goes back from a limit that was raised past the knee, at once, and finds out
// whether that was right.
//
// Where work waits in a queue that is not seen (behind another service), a limit
// that is too high shows only in responses that are slower than the work. How many
// are needed to keep the other side busy is what completes per second times what the
// work takes without load (Little's law). The probe counts completions for an epoch,
// sets the limit to that with a margin, waits until what is above it has drained, and
// counts again. As many as before: the rest was a queue. Fewer: the work itself has
// become slower, and the responses of this epoch, under little load, say by how much;
// the limit is set anew from that, and counted again.
//
// So response time moves the limit only for as long as completions bear it out. What
// a wrong guess costs is bounded by the epochs of kGuessesMax.
#pragma once

#include <cstdint>
#include <optional>

#include "weir/admission/limiter.h"

namespace weir::admission {

class KneeProbe {
 public:
  static constexpr double kMargin = 1.15;  // above what Little's law says is needed
  static constexpr double kAsMany = 0.75;  // of the completions before: an epoch has few
  // An epoch lasts as long as each of these asks. Servers that began together end
  // together: in a single response there are all of their completions, or none.
  static constexpr std::uint32_t kCompletionsMin = 64;
  static constexpr double kResponsesMin = 4;
  static constexpr int kGuessesMax = 3;

  // From now on; `no_load`: what the work takes without load, in ns.
  void begin(TimePoint now, double no_load);
  bool active() const { return stage_ != Stage::over; }
  void stop() { stage_ = Stage::over; }

  // A window under `limit`; the limit to go on with, where that changes.
  std::optional<double> step(TimePoint now, const Window& window, double limit);

  // What the work takes without load, in ns, if the last probe has shown that it is
  // not what it was thought to be.
  std::optional<double> learned() const { return learned_; }

 private:
  enum class Stage : std::uint8_t { over, before, draining, after };

  void begin_epoch(TimePoint now, Stage stage);
  bool epoch_over(TimePoint now) const;
  bool lasts_too_long(TimePoint now) const;
  double rate(TimePoint now) const;
  double needed() const { return kMargin * rate_before_ * no_load_; }
  std::optional<double> judge(TimePoint now, double limit);

  Stage stage_ = Stage::over;
  double no_load_ = 0;
  std::optional<double> learned_;
  double limit_before_ = 0;
  double rate_before_ = 0;       // completions per ns
  double response_before_ = 0;   // ns
  std::uint32_t in_flight_ = 0;  // when the limit went down
  int guesses_ = 0;
  // Of this epoch.
  TimePoint began_ = {};
  std::uint32_t completed_ = 0;
  std::uint32_t windows_ = 0;
  std::uint32_t held_back_ = 0;  // of windows_
  Duration response_sum_ = {};
};

}  // namespace weir::admission

// What both kinds of holding share: progress once a second, the most memory that
// was resident, and the stop at the cap.
//
// One task runs watch(); the others call the rest, on any processor.
#pragma once

#include <atomic>
#include <cstdint>

#include "weir/base/clock.h"
#include "weir/base/memory.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/load/hold.h"

namespace weir::load::internal {

class HoldWatch {
 public:
  // What is held and done by now.
  struct Counts {
    HoldPhase phase = HoldPhase::starting;
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    std::uint64_t waiting = 0;
    TimePoint phase_began{};
    std::optional<Duration> left;  // where the rate does not say it
  };
  using Count = std::function<Counts()>;

  HoldWatch(Bytes memory_cap, Count count, ShowHold show);

  // Until `context` ends.
  core::task<> watch(core::Context& context);

  // True from the moment at which the memory cap was reached.
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
  // Of tasks and of memory since the last forget_peaks().
  std::uint64_t held_peak() const { return held_peak_.load(std::memory_order_relaxed); }
  Bytes rss_peak() const;
  void forget_peaks();
  void note_held(std::uint64_t waiting);

 private:
  void sample();
  HoldProgress progress(TimePoint now) const;

  const Bytes memory_cap_;
  const Count count_;
  const ShowHold show_;
  const TimePoint start_;
  const ResidentMeter resident_;
  bool peak_is_the_kernels_ = false;
  // Relaxed: counts and a hint, which order nothing.
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> held_peak_{0};
  std::atomic<std::uint64_t> rss_sampled_peak_{0};
};

}  // namespace weir::load::internal

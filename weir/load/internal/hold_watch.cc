#include "weir/load/internal/hold_watch.h"

#include <algorithm>
#include <utility>

#include "weir/base/memory.h"
#include "weir/core/now.h"
#include "weir/core/sleep.h"

namespace weir::load::internal {
namespace {

constexpr Duration kWatchTick = 20ms;
constexpr Duration kShowTick = 1s;

void raise(std::atomic<std::uint64_t>& peak, std::uint64_t value) {
  std::uint64_t old = peak.load(std::memory_order_relaxed);
  while (old < value && !peak.compare_exchange_weak(old, value, std::memory_order_relaxed)) {
  }
}

}  // namespace

HoldWatch::HoldWatch(Bytes memory_cap, Count count, ShowHold show)
    : memory_cap_(memory_cap), count_(std::move(count)), show_(std::move(show)), start_(core::now()) {
  forget_peaks();
}

core::task<> HoldWatch::watch(core::Context& context) {
  TimePoint show_at = start_ + kShowTick;
  while (co_await core::sleep_for(context, kWatchTick)) {
    sample();
    const TimePoint now = core::now();
    if (now < show_at) continue;
    show_at = now + kShowTick;
    if (show_) show_(progress(now));
  }
}

void HoldWatch::sample() {
  const Bytes now = resident_.read();
  raise(rss_sampled_peak_, now.count);
  if (now >= memory_cap_) stopped_.store(true, std::memory_order_relaxed);
  note_held(count_().waiting);
}

void HoldWatch::note_held(std::uint64_t waiting) { raise(held_peak_, waiting); }

void HoldWatch::forget_peaks() {
  peak_is_the_kernels_ = reset_resident_peak();
  held_peak_.store(0, std::memory_order_relaxed);
  rss_sampled_peak_.store(resident_.read().count, std::memory_order_relaxed);
}

Bytes HoldWatch::rss_peak() const {
  const Bytes sampled{rss_sampled_peak_.load(std::memory_order_relaxed)};
  return peak_is_the_kernels_ ? std::max(resident_peak(), sampled) : sampled;
}

HoldProgress HoldWatch::progress(TimePoint now) const {
  const Counts counts = count_();
  const double seconds = std::chrono::duration<double>(now - counts.phase_began).count();
  HoldProgress progress{.phase = counts.phase,
                        .elapsed = now - start_,
                        .done = counts.done,
                        .total = counts.total,
                        .rate_per_s = seconds > 0 ? static_cast<double>(counts.done) / seconds : 0,
                        .left = counts.left,
                        .waiting = counts.waiting,
                        .rss = resident_.read()};
  if (!progress.left && progress.rate_per_s > 0) {
    const double left = static_cast<double>(counts.total - std::min(counts.done, counts.total));
    // Below three hundred years, which is what a Duration holds.
    const double left_s = std::min(left / progress.rate_per_s, 9e9);
    progress.left = Duration(static_cast<Duration::rep>(left_s * 1e9));
  }
  return progress;
}

}  // namespace weir::load::internal

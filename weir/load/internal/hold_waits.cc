#include "weir/load/internal/hold_waits.h"

#include <algorithm>
#include <utility>

#include "weir/base/check.h"
#include "weir/base/memory.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::load::internal {
namespace {

// Started in a row; then they fall asleep. Half of a processor's ring.
constexpr std::uint64_t kChunk = 128;
// A task costs between so much and so much. Where the most does not fit, or has to be
// known better, it is measured on so many, or on fewer that fit; on too few it is
// not worth it.
constexpr Bytes kEachLeast{64};
constexpr Bytes kEachMost{1024};
constexpr std::uint64_t kTrialTasks = 50'000;
constexpr std::uint64_t kTrialTasksLeast = 10'000;
// What a run takes beside its tasks.
constexpr Bytes kOwnBytes = mebibytes(8);
// Until the speed is known: so long for each of one processor's tasks, believed
// as firmly as a sixteenth of them.
constexpr Duration kSpawnGuess = 600ns;
constexpr std::uint64_t kGuessShare = 16;

// A century, in nanoseconds: twice as much is still a Duration.
constexpr double kLongest = 3e18;

TimePoint time_of(Duration::rep count) { return TimePoint(Duration(count)); }

// A sleep that says whether it came to its end and nothing more. Not inlined: the
// error would have its place in the frame, beside a wait of not twice its size.
class Doze : public core::Sleep {
 public:
  using Sleep::Sleep;
  [[gnu::noinline]] bool await_resume() { return Sleep::await_resume().has_value(); }
};

}  // namespace

TimePoint started_at(TimePoint start, TimePoint now, std::uint64_t started, std::uint64_t tasks) {
  const double guessed = static_cast<double>(tasks / kGuessShare + 1);
  const double spent =
      static_cast<double>((now - start).count()) + guessed * static_cast<double>(kSpawnGuess.count());
  const double all = spent / (static_cast<double>(started) + guessed) * static_cast<double>(tasks);
  return saturating_add(start, Duration(static_cast<Duration::rep>(std::min(all, kLongest))));
}

TimePoint wake_at(TimePoint start, TimePoint now, std::uint64_t started, std::uint64_t tasks, Duration wait) {
  const Duration left = started_at(start, now, started, tasks) - now;
  const double place = static_cast<double>(started) / static_cast<double>(tasks);
  const double after = static_cast<double>(wait.count()) * (1 + place) / 2;
  const TimePoint last = saturating_add(now, left + left / 2);
  return std::max(saturating_add(now, wait),
                  saturating_add(last, Duration(static_cast<Duration::rep>(after))));
}

TimePoint wake_again_at(TimePoint start, TimePoint now, std::uint64_t started, std::uint64_t tasks,
                        Duration wait) {
  const Duration left = started_at(start, now, started, tasks) - now;
  return saturating_add(saturating_add(now, wait), 2 * std::max(left, Duration::zero()));
}

Bytes room_for_tasks(Bytes base, Bytes memory_cap) {
  return Bytes{memory_cap.count - std::min(memory_cap.count, base.count + kOwnBytes.count)};
}

std::string over_cap(std::uint64_t tasks, Bytes each, Bytes base, Bytes memory_cap) {
  const std::uint64_t room = room_for_tasks(base, memory_cap).count;
  const std::uint64_t most = room / each.count;
  if (tasks <= most) return {};
  const double needed = static_cast<double>(tasks) * static_cast<double>(each.count);
  return std::to_string(tasks) + " tasks of " + std::to_string(each.count) + " bytes are " +
         to_string(Bytes{static_cast<std::uint64_t>(std::min(needed, 1.8e19))}) +
         ", and of the memory cap of " + to_string(memory_cap) + " the program leaves " +
         to_string(Bytes{room}) + ": room for " + std::to_string(most) + " tasks";
}

HoldWaits::HoldWaits(core::Context& parent, const HoldOptions& options, const ShowHold& show)
    : options_(options),
      rss_base_(resident()),
      context_(parent),
      helpers_({.name = "hold.helpers", .limit = 1}),
      shares_(split(options.tasks)),
      watch_(options.memory_cap, [this] { return counts(); }, show) {}

TimePoint HoldWaits::Share::first_wake() const { return time_of(wake.load(std::memory_order_relaxed)); }

// Whose share has been started may wait for those of others.
TimePoint HoldWaits::Share::next_wake() const {
  return std::max(time_of(wake_again.load(std::memory_order_relaxed)),
                  saturating_add(core::now(), wait_least));
}

HoldWaits::Shares HoldWaits::split(std::uint64_t tasks) {
  const std::uint64_t parts =
      std::clamp<std::uint64_t>(tasks / kChunk, 1, core::Runtime::current().processors());
  Shares shares;
  for (std::uint64_t part = 0; part < parts; ++part) {
    shares.push_back(std::make_unique<Share>(tasks / parts + (part < tasks % parts ? 1 : 0), options_.wait,
                                             still_starting_));
  }
  return shares;
}

core::task<> HoldWaits::wait_once(Share& share) {
  if (share.begun.fetch_add(1, std::memory_order_relaxed) + 1 == share.tasks) {
    share.all_begun.store(core::now().time_since_epoch().count(), std::memory_order_relaxed);
  }
  if (!co_await Doze(*share.context, share.first_wake())) co_return;
  while (share.still_starting.load(std::memory_order_relaxed) != 0) {
    if (!co_await Doze(*share.context, share.next_wake())) co_return;
  }
  share.completed.fetch_add(1, std::memory_order_relaxed);
}

core::task<Bytes> HoldWaits::measure_each() {
  if (options_.each.count != 0) co_return options_.each;
  const std::uint64_t fit = room_for_tasks(rss_base_, options_.memory_cap).count / kEachMost.count;
  if (options_.unbounded || (options_.tasks <= fit && !options_.touch)) co_return kEachMost;
  const std::uint64_t tasks = std::min({kTrialTasks, options_.tasks, fit});
  if (tasks < kTrialTasksLeast) co_return kEachMost;
  // Not in the frame, which cannot be aligned as it is.
  const auto owned = std::make_unique<Share>(tasks, options_.wait, still_starting_);
  Share& trial = *owned;
  trial.wake.store(saturating_add(core::now(), 1h).time_since_epoch().count());
  const Bytes before = resident();
  Bytes during{};
  (void)co_await core::with_scope(context_, [&](core::Scope& scope) -> core::task<> {
    trial.context = &scope.context();
    for (std::uint64_t i = 0; i < trial.tasks; ++i) {
      scope.spawn(std::move(*trial.limit.try_acquire()), wait_once(trial));
      if (i % kChunk == 0) co_await core::yield();
    }
    while (trial.begun.load(std::memory_order_relaxed) < trial.tasks) co_await core::yield();
    during = resident();
    scope.cancel();
  });
  co_return std::max(kEachLeast, Bytes{(during.count - std::min(before, during).count) / tasks});
}

core::task<std::expected<void, std::string>> HoldWaits::prepare() {
  each_ = co_await measure_each();
  if (options_.unbounded) co_return {};
  std::string over = over_cap(options_.tasks, each_, rss_base_, options_.memory_cap);
  if (!over.empty()) co_return std::unexpected(std::move(over));
  co_return {};
}

core::task<std::expected<void, std::string>> HoldWaits::run() {
  if (auto prepared = co_await prepare(); !prepared) co_return prepared;
  if (options_.touch) {
    // All but the trial's few get their memory from the kernel anew, as this does.
    first_touch_.emplace(options_.tasks * each_);
    start_ = core::now();
    touching_ = true;
    co_await watched(touch());
    touching_ = false;
    watch_.forget_peaks();
  }
  start_ = core::now();
  co_await watched(start_all());
  end_ = core::now();
  co_return {};
}

core::task<> HoldWaits::watched(core::task<> work) {
  const Result<> ended = co_await core::with_scope(context_, [&](core::Scope& helpers) -> core::task<> {
    helpers.spawn(std::move(*helpers_.try_acquire()), watch_.watch(helpers.context()));
    co_await std::move(work);
    helpers.cancel();
  });
  WEIR_CHECK(ended, "neither the watch nor what it watches returns errors");
}

core::task<> HoldWaits::touch() { touch_ = co_await first_touch_->measure(context_); }

core::task<> HoldWaits::start_all() {
  core::Limit spawners({.name = "hold.spawners", .limit = shares_.size()});
  if (!options_.unbounded) still_starting_.store(shares_.size(), std::memory_order_relaxed);
  (void)co_await core::with_scope(context_, [&](core::Scope& scope) -> core::task<> {
    for (const auto& share : shares_) scope.spawn(std::move(*spawners.try_acquire()), start_share(*share));
    co_return;
  });
}

core::task<> HoldWaits::start_share(Share& share) {
  (void)co_await core::with_scope(context_, [&](core::Scope& scope) -> core::task<> {
    share.context = &scope.context();
    std::uint64_t started = 0;
    while (started < share.tasks && !watch_.stopped() && !context_.cancelled()) {
      project(share, core::now(), started);
      const std::uint64_t until = std::min(started + kChunk, share.tasks);
      for (; started < until; ++started) {
        scope.spawn(std::move(*share.limit.try_acquire()), wait_once(share));
      }
      share.started.store(started, std::memory_order_relaxed);
      co_await core::yield();  // they fall asleep
    }
    share.last_started = core::now();
    if (!options_.unbounded) still_starting_.fetch_sub(1, std::memory_order_relaxed);
    watch_.note_held(counts().waiting);
  });
}

void HoldWaits::project(Share& share, TimePoint now, std::uint64_t started) {
  const TimePoint wake = options_.unbounded ? saturating_add(now, options_.wait)
                                            : wake_at(start_, now, started, share.tasks, options_.wait);
  const TimePoint again = wake_again_at(start_, now, started, share.tasks, options_.wait);
  share.wake.store(wake.time_since_epoch().count(), std::memory_order_relaxed);
  share.wake_again.store(again.time_since_epoch().count(), std::memory_order_relaxed);
}

std::uint64_t HoldWaits::sum(std::atomic<std::uint64_t> Share::* field) const {
  std::uint64_t total = 0;
  for (const auto& share : shares_) total += ((*share).*field).load(std::memory_order_relaxed);
  return total;
}

HoldWatch::Counts HoldWaits::counts() const {
  if (touching_) {
    return {.phase = HoldPhase::touching,
            .done = first_touch_->touched().count,
            .total = (options_.tasks * each_).count,
            .phase_began = start_};
  }
  const std::uint64_t completed = sum(&Share::completed);
  const std::uint64_t started = sum(&Share::started);
  const std::uint64_t waiting = started - std::min(started, completed);
  if (started < options_.tasks && !watch_.stopped()) {
    return {.done = started, .total = options_.tasks, .waiting = waiting, .phase_began = start_};
  }
  Duration::rep wake = 0;
  for (const auto& share : shares_) wake = std::max(wake, share->wake.load(std::memory_order_relaxed));
  HoldWatch::Counts counts{.phase = HoldPhase::ending,
                           .done = completed,
                           .total = started,
                           .waiting = waiting,
                           .phase_began = time_of(wake)};
  if (const Duration left = time_of(wake) - core::now(); left > Duration::zero()) {
    counts.phase = HoldPhase::waiting;
    counts.left = left;
  }
  return counts;
}

HoldResult HoldWaits::result() const {
  const std::uint64_t started = sum(&Share::started);
  TimePoint last = start_;
  for (const auto& share : shares_) {
    const TimePoint begun = time_of(share->all_begun.load(std::memory_order_relaxed));
    last = std::max({last, share->last_started, begun});
  }
  return {.tasks = options_.tasks,
          .started = started,
          .completed = sum(&Share::completed),
          .refused = context_.cancelled() ? 0 : options_.tasks - started,
          .held_peak = watch_.held_peak(),
          .rss_base = rss_base_,
          .rss_peak = watch_.rss_peak(),
          .memory_cap = options_.memory_cap,
          .spawn = last - start_,
          .total = end_ - start_,
          .touched = touch_ ? first_touch_->touched() : Bytes{},
          .touch = touch_.value_or(Duration::zero()),
          .stopped_by_cap = watch_.stopped(),
          .interrupted = context_.cancelled()};
}

}  // namespace weir::load::internal

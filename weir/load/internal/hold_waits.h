// Tasks that wait for a timer: one spawner on each processor starts its share.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"
#include "weir/load/hold.h"
#include "weir/load/internal/first_touch.h"
#include "weir/load/internal/hold_watch.h"

namespace weir::load::internal {

// When the last of `tasks` will have been started, of which `started` were between
// `start` and `now`.
TimePoint started_at(TimePoint start, TimePoint now, std::uint64_t started, std::uint64_t tasks);

// When a task is to wake that is started at `now` as the one after `started`: after
// `wait`, and not before the last has been started, even when that takes half as long
// again as it seems: those that wake would be served before those that start.
TimePoint wake_at(TimePoint start, TimePoint now, std::uint64_t started, std::uint64_t tasks, Duration wait);

// And when one that has woken too early all the same.
TimePoint wake_again_at(TimePoint start, TimePoint now, std::uint64_t started, std::uint64_t tasks,
                        Duration wait);

// What a program that has taken `base` may give to tasks.
Bytes room_for_tasks(Bytes base, Bytes memory_cap);

// Why so many tasks are not started, with the arithmetic; empty: they fit.
std::string over_cap(std::uint64_t tasks, Bytes each, Bytes base, Bytes memory_cap);

class HoldWaits {
 public:
  HoldWaits(core::Context& parent, const HoldOptions& options, const ShowHold& show);

  // Once. Error: why it does not start.
  core::task<std::expected<void, std::string>> run();
  HoldResult result() const;

 private:
  // One spawner's part. What its tasks count is on a cache line of its own: they
  // mostly run where it does.
  struct alignas(64) Share {
    Share(std::uint64_t count, Duration wait, const std::atomic<std::uint64_t>& shares_starting)
        : tasks(count),
          wait_least(wait),
          still_starting(shares_starting),
          limit({.name = "hold.waits", .limit = count}) {}

    TimePoint first_wake() const;
    // Of who has woken too early.
    TimePoint next_wake() const;

    const std::uint64_t tasks;
    const Duration wait_least;
    const std::atomic<std::uint64_t>& still_starting;
    core::Limit limit;
    core::Context* context = nullptr;  // constant while tasks run
    TimePoint last_started{};          // the spawner's, until it has ended
    // Relaxed: counts, and a time that any task may see late or early by a few.
    std::atomic<std::uint64_t> started{0};
    std::atomic<Duration::rep> wake{0};
    std::atomic<Duration::rep> wake_again{0};
    std::atomic<Duration::rep> all_begun{0};  // when the last began to wait; 0: not yet
    alignas(64) std::atomic<std::uint64_t> begun{0};
    std::atomic<std::uint64_t> completed{0};
  };
  using Shares = std::vector<std::unique_ptr<Share>>;

  // The task of which there are so many: its frame is what each costs.
  static core::task<> wait_once(Share& share);

  Shares split(std::uint64_t tasks);
  core::task<Bytes> measure_each();
  core::task<std::expected<void, std::string>> prepare();
  core::task<> touch();
  core::task<> start_all();
  core::task<> start_share(Share& share);
  void project(Share& share, TimePoint now, std::uint64_t started);
  core::task<> watched(core::task<> work);
  HoldWatch::Counts counts() const;
  std::uint64_t sum(std::atomic<std::uint64_t> Share::* field) const;

  const HoldOptions options_;
  const Bytes rss_base_;
  core::Context context_;  // cancelled from outside
  core::Limit helpers_;    // the watch
  // Shares of which tasks are yet to be started: nobody is done before. Relaxed: who
  // reads it late sleeps once more.
  std::atomic<std::uint64_t> still_starting_{0};
  Shares shares_;  // constant while the watch runs
  // Written before a watch runs.
  Bytes each_{};
  std::optional<FirstTouch> first_touch_;
  std::optional<Duration> touch_;
  TimePoint start_{};
  bool touching_ = false;
  TimePoint end_{};
  HoldWatch watch_;
};

}  // namespace weir::load::internal

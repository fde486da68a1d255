// Pool: what a worker does.
#include <exception>

#include "weir/bounds/pool.h"
#include "weir/core/sleep.h"

namespace weir::bounds {
namespace {

// Jobs that never wait would keep a processor to themselves and its cached time
// standing still: every so many a worker gives way. Two nanoseconds a job.
constexpr std::uint32_t kJobsBeforeYield = 32;
// Looks at an empty queue before a worker parks: a few microseconds, about what
// parking and being woken cost.
constexpr int kSearchesMax = 64;
constexpr std::size_t kFailureTextMax = 200;

}  // namespace

using internal::Job;
using internal::PoolCount;
using internal::PoolCounters;
using Verdict = internal::WorkerLot::Verdict;

core::task<> Pool::work() {
  std::uint32_t jobs = 0;
  int searches = 0;
  bool searching = false;
  for (;;) {
    if (retires()) {
      if (searching) stop_searching();
      co_return;
    }
    if (std::optional<Job> job = ring_.pop()) {
      if (room_waiters_.load() != 0) serve_room();
      if (std::exchange(searching, false)) stop_searching();
      searches = 0;
      if (expire(*job)) {
        if (++jobs % kJobsBeforeYield == 0) co_await core::yield();
        continue;
      }
      const TimePoint start = core::now();
      started(job->queued_at, start);
      std::exception_ptr thrown;
      try {
        co_await std::move(job->body);
      } catch (...) {
        thrown = std::current_exception();
      }
      const TimePoint queued_at = job->queued_at;
      job.reset();  // the frame is free before the job counts as ended
      if (thrown) [[unlikely]]
        note_failure(std::move(thrown));
      ended(queued_at, start);
      if (++jobs % kJobsBeforeYield == 0) co_await core::yield();
      continue;
    }
    if (ring_.closed() && ring_.depth() == 0) break;
    searching = searching || lot_.try_search();
    if (searching && searches++ < kSearchesMax) {
      co_await core::yield();
      continue;
    }
    searches = 0;
    if (std::exchange(searching, false)) lot_.end_search();
    const Verdict verdict = co_await lot_.park(ring_, quiet_);
    if (verdict == Verdict::retire) co_return;
    searching = verdict == Verdict::search;
  }
  if (searching) lot_.end_search();
  if (workers_.fetch_sub(1) == 1) bell_.ring();
}

// After finding a job: there may be more, and nobody searches now.
void Pool::stop_searching() {
  lot_.end_search();
  if (ring_.depth() != 0) lot_.wake_for_work();
}

// There are more workers than the limit allows: this one ends, and is no longer
// counted.
bool Pool::retires() {
  std::uint32_t workers = workers_.load(std::memory_order_relaxed);
  if (workers <= limit_.load(std::memory_order_relaxed)) [[likely]]
    return false;
  while (workers > limit_.load(std::memory_order_relaxed)) {
    if (workers_.compare_exchange_weak(workers, workers - 1)) {
      retired_.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
  }
  return false;
}

bool Pool::expire(const Job& job) {
  if (options_.queue_wait == Duration::zero() || !waited_too_long(job.queued_at)) [[likely]]
    return false;
  counters_.here().bump(PoolCount::expired);
  return true;
}

void Pool::started(TimePoint queued_at, TimePoint at) {
  const unsigned here = core::Runtime::current_processor();
  counters_.at(here).bump(PoolCount::started);
  queue_wait_.record(here, at - queued_at);
}

void Pool::ended(TimePoint queued_at, TimePoint started_at) {
  const unsigned here = core::Runtime::current_processor();
  const TimePoint at = core::now();
  // Two processors' cached times may differ by some microseconds.
  const Duration run = std::max(at - started_at, Duration::zero());
  PoolCounters::Set& counters = counters_.at(here);
  counters.bump(PoolCount::ended);
  counters.note_run(run);
  run_.record(here, run);
  total_.record(here, at - queued_at);
}

void Pool::note_failure(std::exception_ptr thrown) {
  counters_.here().bump(PoolCount::failed);
  std::string text = "an exception that is no std::exception";
  try {
    std::rethrow_exception(std::move(thrown));
  } catch (const std::exception& failure) {
    text = failure.what();
  } catch (...) {
  }
  text.resize(std::min(text.size(), kFailureTextMax));
  const std::lock_guard guard(control_mutex_);
  last_failure_ = std::move(text);
}

}  // namespace weir::bounds

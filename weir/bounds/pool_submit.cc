// Pool: how jobs come in, and who waits for room.
#include <algorithm>

#include "weir/bounds/pool.h"

namespace weir::bounds {

using internal::JobRing;
using internal::PoolCount;

std::unexpected<Error> Pool::refuse(PoolCount count, ErrorKind kind, Reason reason) {
  counters_.here().bump(count);
  return fail(kind, reason, options_.name);
}

void Pool::poke() {
  if (!poked_.exchange(true)) bell_.ring();
}

Pool::Submit Pool::submit(core::Context& context, core::task<> job) {
  return {*this, context, std::move(job)};
}

void Pool::serve_room() {
  const std::lock_guard guard(room_mutex_);
  serve_room_locked();
}

// Moves the jobs of those who wait into the queue, in their order, while there
// is room. A place is claimed first; whoever waited no longer leaves it empty.
void Pool::serve_room_locked() {
  while (Submit* first = room_.front()) {
    const auto admit = [first]() -> std::optional<core::task<>> {
      first->unlink();
      std::optional<core::task<>> job(std::move(first->job_));
      first->result_ = {};
      if (first->wait_.parking().wake(core::Wake::ready)) return job;  // `first` may be gone
      first->job_ = std::move(*job);
      return std::nullopt;
    };
    const JobRing::Outcome outcome = ring_.push(core::now(), admit);
    if (outcome.pushed == JobRing::Pushed::full) break;
    if (outcome.pushed == JobRing::Pushed::yes) {
      count_submitted(outcome.depth);
    } else {
      first->unlink();
      first->result_ = refuse_draining();
      first->wait_.parking().wake(core::Wake::ready);
    }
    --room_count_;
    room_waiters_.store(room_count_);
  }
}

bool Pool::Submit::await_ready() {
  if (Result<> alive = context_.check(core::now()); !alive) {
    const bool late = alive.error().kind == ErrorKind::deadline;
    result_ = pool_.refuse(late ? PoolCount::refused_deadline : PoolCount::refused_cancelled,
                           alive.error().kind, late ? Reason::timed_out : Reason::none);
    return true;
  }
  if (pool_.room_waiters_.load() != 0) return false;
  const JobRing::Outcome outcome = pool_.ring_.push(core::now(), [this] { return std::move(job_); });
  switch (outcome.pushed) {
    case JobRing::Pushed::full: return false;
    case JobRing::Pushed::yes: pool_.count_submitted(outcome.depth); return true;
    case JobRing::Pushed::closed: result_ = pool_.refuse_draining(); return true;
  }
  return true;
}

bool Pool::Submit::await_suspend(core::TaskHandle task) {
  {
    const std::lock_guard guard(pool_.room_mutex_);
    if (pool_.room_count_ >= pool_.options_.submitters_max) {
      result_ = pool_.refuse_full();
      return false;
    }
    suspended_ = true;
    pool_.room_.push_back(*this);
    pool_.room_waiters_.store(++pool_.room_count_);
    // Announced: from now on whoever takes a job out serves those who wait.
    // What was taken out before is seen here.
    pool_.serve_room_locked();
  }
  return wait_.suspend(task);
}

Result<> Pool::Submit::await_resume() {
  if (!suspended_) return result_;
  const core::Wake outcome = wait_.finish();
  if (outcome == core::Wake::ready) return result_;
  {
    const std::lock_guard guard(pool_.room_mutex_);
    if (linked()) {
      unlink();
      pool_.room_waiters_.store(--pool_.room_count_);
    }
  }
  if (outcome == core::Wake::cancelled) {
    return pool_.refuse(PoolCount::refused_cancelled, ErrorKind::cancelled, Reason::none);
  }
  return pool_.refuse(PoolCount::refused_deadline, ErrorKind::deadline, Reason::timed_out);
}

}  // namespace weir::bounds

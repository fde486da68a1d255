#include "weir/core/internal/blocking_pool.h"

#include <chrono>
#include <exception>
#include <utility>

#include "weir/core/internal/shake.h"

namespace weir::core::internal {
namespace {

constexpr std::chrono::seconds kIdleMax{10};

}  // namespace

bool BlockingPool::submit(BlockingJob& job) {
  if (options_.inline_only) {
    job.run();
    const std::lock_guard guard(mutex_);
    job.done_ = true;
    return true;
  }
  const std::lock_guard guard(mutex_);
  if (queued_ >= idle_ && !start_thread() && threads_.empty()) {
    ++refused_;
    return false;
  }
  queue_.push_back(job);
  ++queued_;
  work_.notify_one();
  return true;
}

bool BlockingPool::wait(BlockingJob& job, Parking& waiter) {
  const std::lock_guard guard(mutex_);
  if (job.done_) return false;
  job.waiter_ = &waiter;
  return true;
}

bool BlockingPool::give_up(BlockingJob& job) {
  const std::lock_guard guard(mutex_);
  job.waiter_ = nullptr;
  if (!job.linked()) return false;
  job.unlink();
  --queued_;
  return true;
}

bool BlockingPool::start_thread() {
  if (threads_.size() >= options_.threads_max) return false;
  ended_.clear();
  try {
    const auto self = threads_.emplace(threads_.end());
    try {
      *self = std::jthread([this, self] { run(self); });  // begins when the mutex is free
    } catch (...) {
      threads_.erase(self);
      throw;
    }
  } catch (const std::exception&) {  // no thread, or no memory for one
    return false;
  }
  return true;
}

void BlockingPool::run(std::list<std::jthread>::iterator self) {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    const bool work = work_.wait_for(lock, kIdleMax, [this] { return queued_ > 0 || stopping_; });
    --idle_;
    if (queued_ == 0) {
      if (work) return;  // stopping, and the list is stop()'s
      ended_.splice(ended_.end(), threads_, self);
      return;
    }
    BlockingJob& job = *queue_.pop_front();
    --queued_;
    lock.unlock();
    WEIR_SHAKE_HERE("blocking: taken");
    job.run();
    lock.lock();
    job.done_ = true;
    // Under the mutex, so that the waiter is there; after it the job may be gone.
    if (Parking* waiter = std::exchange(job.waiter_, nullptr)) waiter->wake(Wake::ready);
  }
}

void BlockingPool::stop() {
  std::list<std::jthread> threads;
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
    threads.splice(threads.end(), threads_);
    threads.splice(threads.end(), ended_);
  }
  work_.notify_all();
}

BlockingPool::Stats BlockingPool::stats() const {
  const std::lock_guard guard(mutex_);
  return {.threads = static_cast<unsigned>(threads_.size()),
          .threads_idle = idle_,
          .queued = queued_,
          .refused = refused_};
}

}  // namespace weir::core::internal

// The threads of core::blocking(): they run calls that block, and no tasks.
//
// A thread is started when a job finds none idle, and ends after ten idle
// seconds. What bounds the jobs is the permit that each of them holds; jobs that
// find no thread, because there are `threads_max` or the system has no more,
// wait in order for the next that is free.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <thread>

#include "weir/base/intrusive_list.h"
#include "weir/core/internal/parking.h"

namespace weir::core::internal {

// One call. It lives in the frame of the task that waits for it.
class BlockingJob : public ListNode<> {
 public:
  BlockingJob() = default;
  BlockingJob(const BlockingJob&) = delete;
  BlockingJob& operator=(const BlockingJob&) = delete;

 protected:
  ~BlockingJob() = default;

 private:
  friend class BlockingPool;
  virtual void run() noexcept = 0;

  // Guarded by the pool's mutex, as is the node.
  Parking* waiter_ = nullptr;
  bool done_ = false;
};

class BlockingPool {
 public:
  struct Options {
    unsigned threads_max = 1;
    bool inline_only = false;  // no threads: submit() runs the job
  };
  struct Stats {
    unsigned threads;
    unsigned threads_idle;
    std::uint64_t queued;
    std::uint64_t refused;  // there was no thread at all
  };

  explicit BlockingPool(Options options) : options_(options) {}
  ~BlockingPool() { stop(); }

  // False: there is no thread and none to be had; the job does not run.
  bool submit(BlockingJob& job);
  // Tells `waiter` when the job is done; false: it is already.
  bool wait(BlockingJob& job, Parking& waiter);
  // After a wait that ended otherwise: true: the job has not been started, and
  // is not going to be. False: it runs, or has.
  bool give_up(BlockingJob& job);
  // No job is left. Joins the threads.
  void stop();

  Stats stats() const;

 private:
  void run(std::list<std::jthread>::iterator self);
  bool start_thread();

  const Options options_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable work_;
  IntrusiveList<BlockingJob> queue_;
  std::uint64_t queued_ = 0;
  unsigned idle_ = 0;
  std::uint64_t refused_ = 0;
  bool stopping_ = false;
  std::list<std::jthread> threads_;
  std::list<std::jthread> ended_;  // to be joined, which does not wait
};

}  // namespace weir::core::internal

// Readiness of descriptors, behind an interface: epoll here, a simulated
// network in tests. One per processor, which parks in it.
//
// Each descriptor is registered once, edge-triggered, for both directions.
// Readiness is remembered in its IoState; tasks try first and wait after.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/lock.h"
#include "weir/core/internal/parking.h"

namespace weir::core::internal {

enum class Direction : std::uint8_t { read, write };

// What the runtime knows of one descriptor. These are pooled and never given
// back while the runtime lives, because an event that was fetched before a
// descriptor closed may be delivered after: the generation tells.
struct IoState {
  Lock lock;  // guards all below
  std::uint16_t generation = 0;
  std::uint16_t seat = 0;  // whose poller reports its events
  bool hung_up = false;    // the peer has closed its end, or both
  std::array<bool, 2> ready{};
  std::array<Parking*, 2> waiter{};
  Context* cancel_on_hang_up = nullptr;
  IoState* next_free = nullptr;  // guarded by the pool's lock

  // An event arrived. Any thread.
  void deliver(std::uint16_t of_generation, bool readable, bool writable, bool hang_up);
};

class IoStatePool {
 public:
  IoState* acquire();
  void release(IoState* state);

 private:
  static constexpr std::size_t kBlock = 64;

  Lock lock_;
  IoState* free_ = nullptr;
  struct Block {
    std::array<IoState, kBlock> states;
    std::unique_ptr<Block> next;
  };
  std::unique_ptr<Block> blocks_;
};

// A poller's looks at the kernel, numbered: what came before a look began and nobody
// was told of after it has not come at all. Written by who polls; any thread reads.
class PollRounds {
 public:
  // acquire and release: who reads that a look is over sees what it delivered.
  std::uint64_t begun() const { return begun_.load(std::memory_order_acquire); }
  // The last that told all there was, and when it began.
  std::uint64_t whole() const { return whole_.load(std::memory_order_acquire); }
  TimePoint whole_at() const { return TimePoint(Duration(whole_at_.load(std::memory_order_relaxed))); }

  void begin() { begun_.store(begun_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  void end_whole(TimePoint at) {
    whole_at_.store(at.time_since_epoch().count(), std::memory_order_relaxed);
    whole_.store(begun_.load(std::memory_order_relaxed), std::memory_order_release);
  }

 private:
  std::atomic<std::uint64_t> begun_{0};
  std::atomic<std::uint64_t> whole_{0};
  std::atomic<Duration::rep> whole_at_{0};
};

class Poller {
 public:
  virtual ~Poller() = default;
  virtual Result<> add(int fd, IoState& state) = 0;
  // Delivers what is ready; waits until `deadline` for the first, or until
  // notify(). A deadline in the past: does not wait. The number of events.
  // Any thread, one at a time for waiting.
  virtual std::size_t poll(TimePoint now, TimePoint deadline) = 0;
  // Ends a poll() that waits, or the next one. Any thread.
  virtual void notify() = 0;

  const PollRounds& rounds() const { return rounds_; }

 protected:
  PollRounds rounds_;
};

// WEIR_CHECKs that the descriptors it needs itself can be had.
std::unique_ptr<Poller> make_epoll_poller();

}  // namespace weir::core::internal

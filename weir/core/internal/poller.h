// Readiness of descriptors, behind an interface: epoll here, a simulated
// network in tests. One per processor, which parks in it.
//
// Each descriptor is registered once, edge-triggered, for both directions.
// Readiness is remembered in its IoState; tasks try first and wait after.
#pragma once

#include <array>
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
  bool hung_up = false;  // the peer has closed its end, or both
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
};

// WEIR_CHECKs that the descriptors it needs itself can be had.
std::unique_ptr<Poller> make_epoll_poller();

}  // namespace weir::core::internal

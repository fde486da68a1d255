// A lock for sections of some additions, in shards that mostly one thread uses: an
// exchange and a store. Who does not get it spins, and sleeps after a while: the holder
// may have lost its processor.
#pragma once

#include <time.h>

#include <atomic>

namespace weir::admission::internal {

class ShardLock {
 public:
  void lock() {
    // acquire: pairs with the release in unlock().
    for (int spins = 0; held_.exchange(true, std::memory_order_acquire); ++spins) {
      if (spins >= kSpins) nanosleep(&kSleep, nullptr);
    }
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  static constexpr int kSpins = 100;
  static constexpr timespec kSleep{.tv_sec = 0, .tv_nsec = 20'000};

  std::atomic<bool> held_{false};
};

}  // namespace weir::admission::internal

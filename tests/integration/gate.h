// A door that a test opens when it is ready: scripted upstreams wait at it, so
// that requests are in flight for as long as the test wants and no longer.
//
//   Gate gate;
//   BadUpstream slow([&](BadUpstream::Peer& peer) {
//     peer.read_head();
//     gate.wait();
//     peer.write(kOk);
//   });
//   ...
//   gate.open();
//
// Make the gate before the upstream. Callable from any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "weir/base/clock.h"

namespace weir::testing {

class Gate {
 public:
  // A failed test that never opens it must end all the same.
  static constexpr Duration kBound = 30s;

  void open() {
    const std::lock_guard guard(lock_);
    open_ = true;
    changed_.notify_all();
  }

  // Passes once it is open; false: not within the bound.
  bool wait() {
    std::unique_lock guard(lock_);
    ++waiting_;
    changed_.notify_all();
    return changed_.wait_for(guard, kBound, [this] { return open_; });
  }

  // Returns when so many have come to it so far; false: not within the bound.
  bool wait_arrived(std::uint64_t count) {
    std::unique_lock guard(lock_);
    return changed_.wait_for(guard, kBound, [&] { return waiting_ >= count; });
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  bool open_ = false;          // guarded by lock_
  std::uint64_t waiting_ = 0;  // guarded by lock_; all who came, not those who wait
};

}  // namespace weir::testing

// A value that many read and one replaces as a whole: what a request has begun with
// stays as it was until the request lets go of it.
//
//   Published<RouteTable> routes(std::make_shared<const RouteTable>(config), processors);
//   const std::shared_ptr<const RouteTable> table = routes.get();   // for each request
//   routes.set(std::make_shared<const RouteTable>(changed));        // a reload
//
// Each processor hands out pointers of its own, whose count is in its own cache lines:
// those who read on different processors share nothing. The value ends when the last
// who has it lets go, on whichever thread that is.
//
// Any thread, several at once.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "weir/core/runtime.h"

namespace weir::service {

template <typename T>
class Published {
 public:
  Published(std::shared_ptr<const T> value, unsigned processors) : shards_(processors) {
    set(std::move(value));
  }

  std::shared_ptr<const T> get() const {
    const Shard& shard = shards_[core::Runtime::current_processor() % shards_.size()];
    const std::lock_guard guard(shard.lock);
    return shard.value;
  }

  // Who asks from now on gets this one.
  void set(std::shared_ptr<const T> value) {
    for (Shard& shard : shards_) {
      // A count of the shard's own, around the one that all share.
      const T* const seen = value.get();
      std::shared_ptr<const T> own(seen, [kept = value](const T*) {});
      {
        const std::lock_guard guard(shard.lock);
        shard.value.swap(own);
      }  // what it was may end here, without the lock
    }
  }

 private:
  struct alignas(64) Shard {
    mutable std::mutex lock;  // guards the pointer, for a copy; contended by set() only
    std::shared_ptr<const T> value;
  };

  std::vector<Shard> shards_;
};

}  // namespace weir::service

// Fair among tenants: each gets its turn, however many requests another brings.
//
//   Bound inflight(ledger, {..., .order = std::make_shared<FairQueue>()});
//   co_await inflight.acquire(ctx, cost, {.level = level, .flow = hash_key(tenant, seed)});
//
// Sub-queues take turns, by what their requests cost (deficit round robin:
// Shreedhar and Varghese, 1995). A tenant has a few of them, chosen by its hash, and
// what it brings goes into the shortest: a tenant that floods fills its own, and
// hardly ever all of another's (shuffle sharding; as in Kubernetes' API priority and
// fairness). In each sub-queue the higher class is first, and in a class first in,
// first out until the sub-queue stands (codel.h), then the newest first, without
// what has waited too long.
//
// When it is full, the newest of the lowest class goes for a higher one; among those
// that are not higher, the newest of the longest sub-queue, for one whose own is
// clearly shorter.
//
// O(1) but for what goes when it is full, which looks at all sub-queues. Its methods
// are its semaphore's to call.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "weir/admission/codel.h"
#include "weir/admission/priority.h"
#include "weir/core/wait_order.h"

namespace weir::admission {

class FairQueue final : public core::WaitOrder {
 public:
  struct Options {
    std::uint32_t sub_queues = 256;  // of about 200 bytes; 1 to 65,536
    std::uint32_t hand = 2;          // of a flow; 1 to 16, and not more than sub_queues
    std::uint32_t quantum = 1;       // units a turn; at least 1
    Codel::Options codel = {};
    std::uint64_t seed = 0;  // of which sub-queues are whose
  };

  FairQueue() : FairQueue(Options{}) {}
  // WEIR_CHECKs what is said above.
  explicit FairQueue(const Options& options);
  ~FairQueue() override;

  void push(core::Waiter& waiter, TimePoint now) override;
  Choice choose(TimePoint now) override;
  void remove(core::Waiter& waiter, Left left) override;
  core::Waiter* evict(const core::Waiter& arriving) override;

 private:
  struct SubQueue;

  // The shortest of a flow's.
  std::uint32_t place_of(std::uint64_t flow) const;

  const Options options_;
  const std::unique_ptr<SubQueue[]> queues_;  // NOLINT(cppcoreguidelines-avoid-c-arrays): they do not move
  IntrusiveList<SubQueue> turns_;             // those with somebody in it; the first has its turn
  std::array<IntrusiveList<core::Waiter, core::InIndex>, kClasses> by_class_;
};

}  // namespace weir::admission

// The higher class first, and in a class fair among tenants: each gets its turn,
// however many requests another brings.
//
//   Bound inflight(ledger, {..., .order = std::make_shared<FairQueue>()});
//   co_await inflight.acquire(ctx, cost, {.level = level, .flow = hash_key(tenant, seed)});
//
// In each class of criticality sub-queues take turns, by what their requests cost
// (deficit round robin: Shreedhar and Varghese, 1995). A tenant has a few of them,
// chosen by its hash, and what it brings goes into the shortest: a tenant that floods
// fills its own, and hardly ever all of another's (shuffle sharding; as in Kubernetes'
// API priority and fairness). Each is first in, first out until its class's queue
// stands (codel.h); then the newest first where no fewer wait than in the others, and what
// has waited too long goes.
//
// Each class is guaranteed a share of what is served and of the places, so that the
// lower ones wait longer but do not starve. When it is full, the newest of the longest
// sub-queue of the lowest class goes for a higher class; in its own class only for one
// whose sub-queue is clearly shorter.
//
// O(1) but for what goes when it is full, which looks at a class's sub-queues. Its
// methods are its semaphore's to call.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "weir/admission/codel.h"
#include "weir/admission/internal/class_shares.h"
#include "weir/admission/priority.h"
#include "weir/core/wait_order.h"

namespace weir::admission {

class FairQueue final : public core::WaitOrder {
 public:
  struct Options {
    std::uint32_t sub_queues = 512;  // in each class, about 50 bytes each; 1 to 65,536
    std::uint32_t hand = 2;          // of a flow; 1 to 16, and not more than sub_queues
    std::uint32_t quantum = 1;       // units a turn; at least 1
    Codel::Options codel = {};
    // Of what is served (and of the places, when it is full), to each class while
    // higher ones wait: sheddable, low, normal, high, critical. Sum below 1.
    std::array<double, kClasses> shares = {0.01, 0.01, 0.02, 0.05, 0.05};
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
  struct Class;

  // The shortest of a flow's.
  std::uint32_t place_of(std::uint32_t criticality, std::uint64_t flow) const;
  core::Waiter* next_in_turn(Class& of) const;

  const Options options_;
  internal::ClassShares classes_;
  const std::unique_ptr<SubQueue[]> queues_;  // NOLINT(cppcoreguidelines-avoid-c-arrays): they do not move
  std::array<std::unique_ptr<Class>, kClasses> turns_;
};

}  // namespace weir::admission

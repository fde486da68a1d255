// The decision whether a request is served now, waits, or is refused: one for
// everything that a server is asked, before the request's body is read.
//
//   Admission admission({.guards = {&memory}, .classes = {&reads}, .tenant_rate = &rates,
//                        .tenant_bound = &tenants});
//   Result<Admitted> admitted = co_await admission.admit(ctx, {.tenant = tenant,
//                                                              .priority = Criticality::high,
//                                                              .deadline = deadline,
//                                                              .now = core::now()});
//   if (!admitted) return refuse(admitted.error());     // reason, where, retry_after
//   ...
//   admitted->complete(reply ? Outcome::completed : Outcome::dropped);
//
// Cheapest first:
//   1. guards: memory and descriptors (memory_low, descriptors_low);
//   2. the deadline: learned service time and wait still fit (expired);
//   3. the priority level against the class's threshold (shed);
//   4. the tenant's rate, by cost (over_rate, keys_full);
//   5. the tenant's concurrency (at_limit, keys_full);
//   6. the caller's rate (over_rate, keys_full), and the budget of its tier (at_limit)
//      (budget_spent), and is not asked yet;
//   7. the concurrency of its class (a compare-and-swap, no overshoot), else its
//      queue (queue_full, queue_wait, evicted, expired; draining).
// What refuses later gives back everything that was charged before.
//
// Any thread decides; tasks wait. Nothing is allocated, also where it refuses.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/admission/cost_class.h"
#include "weir/admission/guard.h"
#include "weir/admission/priority.h"
#include "weir/base/result.h"
#include "weir/bounds/budget.h"
#include "weir/bounds/keyed_bound.h"
#include "weir/bounds/keyed_rate.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/wait.h"

namespace weir::admission {

class Admission;

// What is asked. Text is read until the decision has been made, waiting included.
struct Request {
  std::string_view tenant = {};  // empty: nobody's, and asked for no tenant's rate or concurrency
  std::string_view caller = {};  // the service that asks for it; empty: not asked for a caller's rate
  Criticality priority = Criticality::normal;
  std::uint32_t cost = 1;        // units of its class and of rates; at least 1
  std::uint32_t tier = 0;        // of the budget, in the order of its declaration: read, write, background
  std::uint32_t cost_class = 0;  // index in Options::classes
  TimePoint deadline = kNever;   // later than this it is of no use; the context's counts as well
  TimePoint now = {};            // core::now()
};

enum class Verdict : std::uint8_t { admit, queue, refuse };

// What came of it. A Retry-After is how long it takes until what is too much has
// been drained, as measured, and some jitter; 0: unknown.
struct Decision {
  Verdict verdict = Verdict::admit;
  Reason reason = Reason::none;  // of queue and refuse
  std::string_view where = {};   // which bound: as long-lived as that
  Duration retry_after = {};     // of refuse
};

// A request that was admitted, and all it holds. Move-only; when it is destroyed
// it has completed, unless it was told otherwise. The Admission outlives it.
class [[nodiscard]] Admitted {
 public:
  Admitted() = default;
  Admitted(Admitted&& other) noexcept { *this = std::move(other); }
  Admitted& operator=(Admitted&& other) noexcept;
  ~Admitted() {
    if (class_ != nullptr) complete();
  }

  explicit operator bool() const { return class_ != nullptr; }
  const CostClass* cost_class() const { return class_; }
  std::uint32_t level() const { return level_; }
  // Whose it is: a hash of its tenant, for the queues behind.
  std::uint64_t flow() const { return flow_; }
  // What may still be spent on it ends here.
  TimePoint deadline() const { return deadline_; }

  // The work begins to run now: tells the limiter how long it waited for that
  // since it was admitted, in a queue that is not ours (of a pool, a processor).
  // Once; not called: it began as soon as its task went on after admit().
  void started(TimePoint now);

  // It is over: gives everything back. Idempotent.
  void complete(Outcome outcome = Outcome::completed);

 private:
  friend class Admission;

  core::Permit permit_;
  bounds::KeyedBound::Permit tenant_;
  bounds::Budget::Permit tier_;
  CostClass* class_ = nullptr;
  TimePoint admitted_at_ = {};
  TimePoint deadline_ = kNever;
  std::uint64_t flow_ = 0;
  std::uint32_t cost_ = 1;
  std::uint32_t level_ = 0;
  bool started_ = false;
};

class Admission {
 public:
  // All of it outlives the Admission; null: not asked.
  struct Options {
    std::vector<const Guard*> guards = {};
    std::vector<CostClass*> classes = {};  // at least one
    bounds::KeyedRate* tenant_rate = nullptr;
    bounds::KeyedBound* tenant_bound = nullptr;
    bounds::KeyedRate* caller_rate = nullptr;
    bounds::Budget* budget = nullptr;  // what is queued holds its tier's units, too
    // Of the hash that gives tenants their cohort and sub-queues: the same on all
    // servers that are to shed the same tenants.
    std::uint64_t seed = 1;
    // What the wall clock is ahead of core::now(), for the cohorts' hour.
    Duration wall_clock = {};
  };

  class Admit;

  explicit Admission(Options options);
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // Awaits Result<Admitted>. Errors: overloaded (the reasons above, with
  // retry_after where it is known), deadline and cancelled from the context, invalid
  // (too_large: the cost is 0, or more than there will ever be). Cancellation:
  // everything is given back.
  Admit admit(core::Context& context, const Request& request) const;
  // Does not wait: what would be queued is refused (at_limit).
  Result<Admitted> try_admit(const Request& request) const;

  // Its priority level: what is compared with a threshold.
  std::uint32_t level(const Request& request) const;
  std::uint32_t threshold(std::uint32_t cost_class = 0) const {
    return options_.classes[cost_class]->threshold();
  }

 private:
  // What was charged, until it is the Admitted's.
  struct Charges {
    core::Permit permit;
    bounds::KeyedBound::Permit tenant;
    bounds::Budget::Permit tier;
    std::uint64_t flow = 0;
    Levels levels = {};
    TimePoint deadline = kNever;
    bool share = false;
    bool tenant_rate = false;
    bool caller_rate = false;
  };

  CostClass& class_of(const Request& request) const;
  Levels levels_of(const Request& request, std::uint64_t flow) const;
  // The decision, counted; what it charged is in `charges`, unless it refuses.
  Decision decide(const Request& request, TimePoint context_deadline, bool may_wait, Charges& charges) const;
  // Its parts.
  Decision before_the_class(const Request& request, CostClass& of, Charges& charges) const;
  Decision charge_keys(const Request& request, Charges& charges) const;
  static Decision at_the_limit(const Request& request, CostClass& of, bool may_wait, Charges& charges);
  void give_back(const Request& request, Charges& charges) const;
  static Admitted admitted(const Request& request, CostClass& of, Charges& charges, TimePoint now);

  const Options options_;
};

// Its request is copied, but for the text it points to.
class [[nodiscard]] Admission::Admit {
 public:
  Admit(const Admission& admission, core::Context& context, const Request& request)
      : admission_(admission), context_(context), request_(request) {}
  Admit(const Admit&) = delete;
  Admit& operator=(const Admit&) = delete;

  bool await_ready();
  bool await_suspend(core::TaskHandle task) { return waiting_->await_suspend(task); }
  [[nodiscard]] Result<Admitted> await_resume();

  // Once it does not wait any more, or before: what was decided at first.
  const Decision& decision() const { return decision_; }

 private:
  Result<Admitted> after_waiting();

  const Admission& admission_;
  core::Context& context_;
  const Request request_;
  Charges charges_;
  Decision decision_;
  std::optional<core::Limit::Acquire> waiting_;  // empty: it has not come to that
};

}  // namespace weir::admission

// Tries again what failed, as often as policy, budget and deadline allow.
//
//   RetryPolicy policy{.budget = budget, .rng = rng, .attempts_max = 3, .attempt_timeout = 200ms};
//   Result<Reply> reply = co_await retry(ctx, policy, [&](core::Context& context) {
//     return client.fetch(context, request);
//   });
//
// Each retry is charged to the budget before its backoff; when the server said
// when to come back, it is waited for that long at least. What would begin after
// the caller's deadline is not begun, and nothing is charged for it.
//
// Called by tasks. What the policy refers to, and what `make` does, outlives the
// await. The attempts come one after another, never two at once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/base/rng.h"
#include "weir/core/context.h"
#include "weir/core/now.h"
#include "weir/core/sleep.h"
#include "weir/core/task.h"
#include "weir/resilience/backoff.h"
#include "weir/resilience/retry_budget.h"

namespace weir::resilience {

// Whether the same call may go better a little later: overloaded, disconnected,
// and a deadline, which is then the attempt's own. Not what this side refused
// (its breaker, its throttle, its budget): those are there to stop retries.
inline bool is_retryable(const Error& error) {
  switch (error.reason) {
    case Reason::breaker_open:
    case Reason::throttled:
    case Reason::budget_spent: return false;
    default: break;
  }
  return error.kind == ErrorKind::overloaded || error.kind == ErrorKind::disconnected ||
         error.kind == ErrorKind::deadline;
}

struct RetryPolicy {
  RetryBudget& budget;             // shared by all calls to one dependency
  Rng& rng;                        // of the jitter; shared by threads: a SharedRng
  std::uint32_t attempts_max = 3;  // the first included; 0 counts as 1
  Duration attempt_timeout = {};   // of each; 0: only the caller's deadline
  Backoff backoff = {};
  bool (*retryable)(const Error&) = is_retryable;
};

// `make(context)` returns the task<Result<T>> of one attempt, which honours the
// context. Value: that of the first attempt that succeeds. Errors: the last
// attempt's; cancelled, when the caller was while it waited; what make throws.
// Cancellation: as the attempt has it.
template <typename Make>
std::invoke_result_t<Make&, core::Context&> retry(core::Context& context, RetryPolicy policy, Make make) {
  policy.budget.request(core::now());
  for (std::uint32_t attempt = 1;; ++attempt) {
    const TimePoint ends = policy.attempt_timeout > Duration::zero()
                               ? saturating_add(core::now(), policy.attempt_timeout)
                               : kNever;
    core::Context own(context, ends);
    auto outcome = co_await make(own);
    if (outcome || attempt >= policy.attempts_max || !policy.retryable(outcome.error())) co_return outcome;
    const Duration wait = std::max(policy.backoff.wait(attempt, policy.rng), outcome.error().retry_after);
    const TimePoint now = core::now();
    const TimePoint at = saturating_add(now, wait);
    if (context.cancelled() || at >= context.deadline()) co_return outcome;
    std::optional<RetryBudget::Charge> charge = policy.budget.try_charge(now);
    if (!charge) co_return outcome;
    if (wait <= Duration::zero()) continue;
    if (const Result<> slept = co_await core::sleep_until(context, at); !slept) {
      charge->refund();
      if (slept.error().kind == ErrorKind::cancelled) co_return std::unexpected(slept.error());
      co_return outcome;
    }
  }
}

}  // namespace weir::resilience

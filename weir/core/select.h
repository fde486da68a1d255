// Waits for whichever of several operations comes first: exactly one takes
// effect.
//
//   auto chosen = co_await select(ctx, jobs.on_receive(), results.on_send(last), quit.on_set(), after(20ms));
//   if (!chosen) co_return std::unexpected(chosen.error());      // cancelled, or the deadline
//   if (Result<Job>* job = std::get_if<0>(&*chosen)) ...         // closed(*job) tells its end
//
// Cases: on_send() and on_receive() of a Channel, on_set() of an Event, on_zero()
// of a WaitGroup, on_acquire() of a Semaphore or a Limit, on_lock() of a mutex;
// after() and at(). The value is a variant: its index is the case, and it holds
// what awaiting that operation alone gives, an error of its own (closed, too
// many wait) included.
//
// Of several that are ready each is as likely to be taken, so that none starves;
// Go's rule. A nil channel of Go's is a case left out.
#pragma once

#include <array>
#include <expected>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/operation.h"
#include "weir/core/internal/select_core.h"
#include "weir/core/now.h"

namespace weir::core {

template <typename... Cases>
using Selected = std::variant<typename Cases::Value...>;

namespace internal {

// The cases, kept where the queues find them.
template <typename... Cases>
class CaseSet {
  static_assert(sizeof...(Cases) > 0 && sizeof...(Cases) <= SelectCore::kCasesMax);

 public:
  explicit CaseSet(Cases&... cases) : cases_(cases...) {}
  CaseSet(const CaseSet&) = delete;
  CaseSet& operator=(const CaseSet&) = delete;

  SelectCore::Cases operations() const { return operations_; }
  Selected<Cases...> take(std::size_t chosen) { return take_from<0>(chosen); }

 private:
  template <std::size_t kIndex>
  Selected<Cases...> take_from(std::size_t chosen) {
    if constexpr (kIndex + 1 < sizeof...(Cases)) {
      if (chosen != kIndex) return take_from<kIndex + 1>(chosen);
    }
    return Selected<Cases...>(std::in_place_index<kIndex>, std::get<kIndex>(cases_).take());
  }

  std::tuple<Cases...> cases_;
  const std::array<Operation*, sizeof...(Cases)> operations_ =
      std::apply([](Cases&... each) { return std::array<Operation*, sizeof...(Cases)>{&each...}; }, cases_);
};

}  // namespace internal

template <typename... Cases>
class [[nodiscard]] Select {
 public:
  Select(Context& context, TimePoint deadline, Cases&... cases)
      : cases_(cases...), core_(context, deadline) {}

  bool await_ready() { return core_.ready(cases_.operations()); }
  bool await_suspend(TaskHandle task) { return core_.suspend(cases_.operations(), task); }
  Result<Selected<Cases...>> await_resume() {
    const std::size_t chosen = core_.finish(cases_.operations());
    if (chosen == internal::SelectCore::kNone) [[unlikely]]
      return std::unexpected(core_.error());
    return cases_.take(chosen);
  }

 private:
  internal::CaseSet<Cases...> cases_;
  internal::SelectCore core_;
};

// Awaits Result<Selected<Cases...>>. Errors: cancelled, deadline (the context's,
// or the one given). Cancellation: none of the cases has taken effect.
template <typename... Cases>
Select<Cases...> select(Context& context, Cases... cases) {
  return {context, kNever, cases...};
}
template <typename... Cases>
Select<Cases...> select_until(Context& context, TimePoint deadline, Cases... cases) {
  return {context, deadline, cases...};
}

// Does not wait: what Go's select with a default does. Empty: no case is ready.
// Any thread.
template <typename... Cases>
std::optional<Selected<Cases...>> try_select(Cases... cases) {
  internal::CaseSet<Cases...> set(cases...);
  const std::size_t chosen = internal::SelectCore::try_without_waiting(set.operations());
  if (chosen == internal::SelectCore::kNone) return std::nullopt;
  return set.take(chosen);
}

// A case that is ready from `time` on. As precise as sleep_until().
class Due final : public internal::Operation {
 public:
  using Value = Result<>;

  explicit Due(TimePoint time) : Operation(nullptr, WaitReason::sleep), time_(time) {}
  bool try_now() override { return now() >= time_; }
  bool try_locked() override { return false; }
  bool enqueue_locked() override { return true; }
  void leave_locked() override {}
  TimePoint due() const override { return time_; }
  Result<> take() const { return {}; }

 private:
  const TimePoint time_;
};

inline Due at(TimePoint time) { return Due(time); }
inline Due after(Duration duration) { return Due(saturating_add(now(), duration)); }

}  // namespace weir::core

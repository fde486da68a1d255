// Fork and join: the parts of one computation, on as many processors as are
// free for it.
//
//   task<std::uint64_t> fib(Limit& forks, std::uint64_t n) {
//     if (n < 2) co_return n;
//     const auto call = [&](std::size_t part) { return fib(forks, n - 1 - part); };
//     const auto [a, b] = co_await fork<2>(forks, call);
//     co_return a + b;
//   }
//
// `make(part)` gives the task<T> for each part, 0 to count - 1; the await ends
// when all have ended, and gives their results in order. A part runs in its
// parent, as a call does, unless another processor could use work and `forks`
// has a permit: then it becomes a task of its own, the outermost first. So the
// bound on parallelism is also what makes it cheap: with no permit, or nobody
// to help, a fork costs little more than the calls.
//
// For computations. Parts that wait (for time, for a socket) and find no permit
// wait one after another: what must go on at once has a scope (scope.h).
//
// `make` is called on any processor, also for two parts at once, and must
// outlive the await, as all that it refers to. Errors: the first exception is
// rethrown when all that had begun has ended; what had not begun is left out.
// Cancellation: is for the parts to notice.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

#include "weir/core/internal/fork_point.h"
#include "weir/core/limit.h"
#include "weir/core/task.h"

namespace weir::core {

namespace internal {

template <typename T>
struct ResultOfTask;
template <typename T>
struct ResultOfTask<task<T>> {
  using type = T;
};
// What a part gives: `make(part)` is a task of it.
template <typename Make>
using PartResult = ResultOfTask<std::invoke_result_t<Make&, std::size_t>>::type;

struct NoResults {};

template <typename Make, typename Results>
class Forking : public ForkPoint {
 public:
  using T = PartResult<Make>;

  Forking(Limit& limit, std::uint32_t count, Make make)
      : ForkPoint(limit, count, kKind), make_(std::move(make)) {}
  Forking(Limit& limit, std::uint32_t count, Make make, Results results)
      : ForkPoint(limit, count, kKind), make_(std::move(make)), results_(results) {}

  bool await_ready() const noexcept { return false; }
  template <std::derived_from<TaskPromise> Promise>
  [[gnu::always_inline]] bool await_suspend(std::coroutine_handle<Promise> parent) {
    begin(parent);
    return !run_parts();
  }
  Results await_resume() {
    rethrow();
    return std::move(results_);
  }

 private:
  // True: all have ended. False: the strand waits, and `this` may be gone.
  // Inlined, as is who calls it: each fork saves a call and its registers, 5%.
  [[gnu::always_inline]] bool run_parts() {
    ForkStack& stack = ForkStack::current();
    const std::uint64_t calls = stack.push(*this);
    while (has_next()) {
      const std::uint32_t part = take();
      std::coroutine_handle<typename task<T>::promise_type> frame;
      try {
        frame = make_(part).release();
      } catch (...) {
        fail(std::current_exception());
        break;
      }
      if constexpr (!std::is_void_v<T>) result = &results_[part];
      frame.promise().part_of(*this);
      if (stack.is_asked() && stack.attend()) [[unlikely]] {
        yield(frame.promise());
        return false;
      }
      frame.resume();
      if (stack.calls() != calls) [[unlikely]]
        return false;
    }
    return end(stack);
  }

  static task<void> launch(ForkPoint& point, std::uint32_t part) {
    return run(static_cast<Forking&>(point), part);
  }
  static task<void> run(Forking& self, std::uint32_t part) {
    if (self.failed()) co_return;
    if constexpr (std::is_void_v<T>) {
      co_await self.make_(part);
    } else {
      self.results_[part] = co_await self.make_(part);
    }
  }

  static constexpr Kind kKind{
      .run_parts = [](ForkPoint& point) { return static_cast<Forking&>(point).run_parts(); },
      .launch = &Forking::launch};

  Make make_;
  [[no_unique_address]] Results results_;
};

}  // namespace internal

// Awaits std::array<T, count>, or nothing when the parts are task<void>.
template <std::size_t count, typename Make>
[[nodiscard]] auto fork(Limit& forks, Make make) {
  using T = internal::PartResult<Make>;
  using Results = std::conditional_t<std::is_void_v<T>, internal::NoResults,
                                     std::array<std::conditional_t<std::is_void_v<T>, char, T>, count>>;
  return internal::Forking<Make, Results>(forks, count, std::move(make));
}

// As many parts as `results` has elements, which get the results. Awaits `results`.
template <typename T, typename Make>
[[nodiscard]] auto fork_into(Limit& forks, std::span<T> results, Make make) {
  static_assert(std::is_same_v<T, internal::PartResult<Make>>, "make(part) is a task<T>");
  WEIR_CHECK(results.size() <= std::numeric_limits<std::uint32_t>::max(), "too many parts");
  return internal::Forking<Make, std::span<T>>(forks, static_cast<std::uint32_t>(results.size()),
                                               std::move(make), results);
}

}  // namespace weir::core

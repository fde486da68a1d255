// Units of several bounds in one acquisition: all of them, or none.
//
//   Result<Permits> permits = co_await acquire_all(ctx, {{inflight, 1}, {memory, size}});
//   if (!permits) return refuse(permits.error());    // names the bound that refused
//
// They are taken in one order whatever the order they are named in, by the
// address of the limit: so two tasks that want the same ones never hold what the
// other waits for. What else a task holds already is its own affair: take
// everything that is needed together in one call. A limit that is named twice
// gives the sum at once.
//
// While one is waited for, those before it are held: each wait is bounded by its
// limit's queue_wait and by the context.
//
// Permits give back in the opposite order. Any thread may try; tasks wait. No
// allocation but the awaited task's frame.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/task.h"

namespace weir::bounds {

inline constexpr std::size_t kLimitsAtOnceMax = 8;

// So many units of a limit.
struct Units {
  core::Limit& limit;
  std::uint32_t weight = 1;
};

// Several permits, held together. Move-only; empty once moved from.
class [[nodiscard]] Permits {
 public:
  Permits() = default;
  Permits(Permits&&) noexcept = default;
  // What was held is given back first.
  Permits& operator=(Permits&& other) noexcept;
  ~Permits() { release(); }

  explicit operator bool() const {
    return std::ranges::any_of(held_, [](const core::Permit& permit) { return static_cast<bool>(permit); });
  }
  // Units of `limit` that are held; 0: none.
  std::uint32_t weight(const core::Limit& limit) const;
  // The permit of one of them, to spawn a task with; empty: there is none.
  core::Permit take(const core::Limit& limit);
  // Gives all back, the last taken first. Idempotent.
  void release();

 private:
  friend class Acquisition;

  std::array<core::Permit, kLimitsAtOnceMax> held_;
};

// Does not wait. Errors: as Limit::try_acquire() of the first that refuses;
// invalid when none or more than kLimitsAtOnceMax are named, or their sum
// overflows. Nothing is held then.
Result<Permits> try_acquire_all(std::initializer_list<Units> units);

// Awaits Result<Permits>. Errors: as Limit::acquire() of the one that refuses, and
// as above. Cancellation: nothing is held.
core::task<Result<Permits>> acquire_all(core::Context& context, std::initializer_list<Units> units);

}  // namespace weir::bounds

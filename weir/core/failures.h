// How the children of a scope failed, all of them and not only the first.
//
//   Failures failures;
//   (void)co_await with_scope(ctx, body, failures);      // a failure stops nobody
//   for (const Failure& failure : failures.kept()) log(failure);
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <vector>

#include "weir/base/result.h"
#include "weir/core/internal/lock.h"

namespace weir::core {

struct Failure {
  Error error;                   // when there is no exception
  std::exception_ptr exception;  // what it threw; else null
};

class Failures {
 public:
  // Keeps the first `kept_max` of them and counts the rest.
  explicit Failures(std::size_t kept_max = 100);
  Failures(const Failures&) = delete;
  Failures& operator=(const Failures&) = delete;

  // In the order in which they came. Once the scope has ended.
  const std::vector<Failure>& kept() const { return kept_; }
  // Any thread.
  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }

  // By the scope. Any thread; allocates nothing.
  void add(const Failure& failure) noexcept;

 private:
  std::atomic<std::uint64_t> count_{0};
  internal::Lock lock_;
  std::vector<Failure> kept_;  // guarded by lock_; its capacity is its maximum
};

}  // namespace weir::core

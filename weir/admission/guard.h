// What refuses by class while something that all share runs short: memory,
// descriptors. The first and cheapest question of an admission decision.
//
//   if (!guard.admits(level)) return fail(ErrorKind::overloaded, Reason::at_limit, guard.name());
//
// Levels are small numbers, and greater is more important: those below lowest()
// are refused. Any thread asks, at the cost of one relaxed load; what the answer
// follows from is the business of who derives from it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

namespace weir::admission {

class Guard {
 public:
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  bool admits(std::uint32_t level) const { return level >= lowest(); }
  // The least important level that is admitted; 0: all are.
  // relaxed: a word of its own, and an answer may be a moment old.
  std::uint32_t lowest() const { return lowest_.load(std::memory_order_relaxed); }
  const std::string& name() const { return name_; }

 protected:
  // `name` appears in refusals and metrics.
  explicit Guard(std::string name) : name_(std::move(name)) {}
  ~Guard() = default;

  void set_lowest(std::uint32_t level) { lowest_.store(level, std::memory_order_relaxed); }

 private:
  const std::string name_;
  std::atomic<std::uint32_t> lowest_{0};
};

}  // namespace weir::admission

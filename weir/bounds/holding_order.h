// In which order bounds are held: tasks that hold one and wait for another, in a
// circle, can wait for each other for ever.
//
// Each waiting acquire of a Bound by a task that holds another is an edge from
// the one it holds to the one it asks for, with both places in the source. An
// edge that closes a circle is reported once, whether or not anybody ever got
// stuck: that the order differs somewhere is the mistake.
//
//   Ledger ledger({.order = OrderCheck::fail});      // in tests: the task that closes it throws
//   Ledger ledger({.order = OrderCheck::report});    // else: a counter, and a line on stderr
//   ledger.order()->stats().cycles;
//
// What a task holds: what it acquired by `co_await bound.acquire()` in any of
// its frames and has not given back, and the permit it was started with.
// try_acquire() waits for nobody, so that it closes no circle; nor is what it
// gives seen as held until a task is started with it. The same goes for cases of
// a select(). A permit that is handed to another task otherwise than by spawn()
// counts as its first holder's until it is given back.
//
// Cost, where it is on: some tens of nanoseconds for each waiting acquire and
// its release, whoever has to wait. An edge that is known costs a look at one
// bit. docs/design/bounds.md has the figures, and why it is no more than that.
//
// Any thread. A ledger's own.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "weir/core/limit.h"
#include "weir/core/wait.h"

namespace weir::bounds {

enum class OrderCheck : std::uint8_t {
  off,
  report,  // counted, and told to on_cycle or stderr
  fail,    // also thrown to the task that closes the circle, as std::logic_error
};

class HoldingOrder final : public core::PermitWatch {
 public:
  // Bounds beyond these are not looked at, and permits neither: they count as
  // `missed`.
  static constexpr std::uint32_t kBoundsMax = 512;
  static constexpr std::uint32_t kPermitsMax = 1u << 16;

  struct Stats {
    std::uint64_t edges = 0;   // different ones
    std::uint64_t cycles = 0;  // edges that closed a circle
    std::uint64_t missed = 0;
  };

  // `on_cycle` gets a text that names each bound of the circle and both places
  // of each edge; called by the task that closes it, without a lock.
  HoldingOrder(OrderCheck check, std::function<void(const std::string&)> on_cycle);

  Stats stats() const;

  // For Bound. A number from 1 for a bound, to be given back; nullopt: there are
  // none left.
  std::optional<std::uint32_t> enter(std::string name);
  void leave(std::uint32_t bound);

  // The task that a coroutine belongs to: the same for all its frames.
  static const core::internal::TaskPromise& task_of(core::TaskHandle task);
  // The task is about to acquire, waiting if it must. Throws std::logic_error
  // where the check is to fail.
  void asks(const core::internal::TaskPromise& task, std::uint32_t bound, std::source_location site);
  // It has: a mark for its permit; 0: it is not followed.
  std::uint32_t holds(const core::internal::TaskPromise& task, std::uint32_t bound,
                      std::source_location site);
  void left(std::uint32_t mark) override;

 private:
  struct Holding {
    const void* task = nullptr;  // null: free
    std::uint32_t bound = 0;
    std::source_location site;
  };
  // Of tasks that have one hash: few at a time.
  struct alignas(64) Shard {
    std::mutex mutex;
    std::vector<Holding> holdings;    // guarded by mutex
    std::vector<std::uint32_t> free;  // places in it; guarded by mutex
  };
  struct Edge {
    std::source_location held;
    std::source_location asked;
  };
  using Row = std::array<std::atomic<std::uint64_t>, kBoundsMax / 64>;
  static constexpr std::uint32_t kShards = 64;

  bool known(std::uint32_t from, std::uint32_t to) const {
    // relaxed: a bit that is seen late costs a look at the map.
    return (edges_known_[from][to / 64].load(std::memory_order_relaxed) >> (to % 64) & 1) != 0;
  }
  void add_edge(std::uint32_t from, std::uint32_t to, Edge edge);
  bool find_path(std::uint32_t from, std::uint32_t to, std::vector<std::uint32_t>& path) const;
  std::string describe(const std::vector<std::uint32_t>& path) const;
  void report(const std::string& text) const;

  const OrderCheck check_;
  const std::function<void(const std::string&)> on_cycle_;
  std::array<Shard, kShards> shards_;
  std::vector<Row> edges_known_{kBoundsMax};  // written under mutex_
  std::atomic<std::uint64_t> cycles_{0};
  std::atomic<std::uint64_t> missed_{0};

  mutable std::mutex mutex_;                                       // never with a shard's
  std::vector<std::string> names_;                                 // guarded by mutex_; empty: free
  std::map<std::pair<std::uint32_t, std::uint32_t>, Edge> edges_;  // guarded by mutex_
};

}  // namespace weir::bounds

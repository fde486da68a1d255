// One connection through a proxy, from its acceptance to its end.
//
//   Connection connection(...);
//   connection.meet(set);                       // and again whenever the faults change
//   co_await connection.run(context, std::move(client));
//
// meet() and stats are for any thread; run() is a task of its own, which starts
// another for the direction up.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "weir/base/intrusive_list.h"
#include "weir/chaos/internal/alarm.h"
#include "weir/chaos/internal/fault_set.h"
#include "weir/chaos/internal/http_flow.h"
#include "weir/chaos/internal/pump.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/task.h"
#include "weir/net/address.h"
#include "weir/net/socket.h"

namespace weir::chaos::internal {

// Of all connections of a proxy. Counters are relaxed: they order nothing.
struct Totals {
  std::array<std::atomic<std::uint64_t>, 2> bytes{};
  std::atomic<std::uint64_t> unreachable{0};  // the upstream could not be connected to
};

class Connection final : public Shared, public ListNode<> {
 public:
  struct Options {
    std::uint64_t number;  // from 1
    Protocol protocol;
    net::SocketAddress upstream;
    Duration connect_timeout;
    Bytes buffer_max;
  };

  Connection(const Options& options, Totals& totals);

  // From now on these are the faults. The caller sees to it that calls follow
  // one another, and that connections are told oldest first. The first time,
  // the connection is new.
  void meet(std::shared_ptr<const FaultSet> set);

  // Returns when the connection has ended, both sockets closed. `second` is for
  // the task of the direction up. Cancellation: cut off where it is.
  core::task<void> run(core::Context& context, net::Socket client, core::Permit second);

  std::uint64_t number() const { return options_.number; }

  std::shared_ptr<const Plight> plight() override;
  void count_bytes(std::size_t way, std::uint64_t bytes) override;
  void take_back_bytes(std::size_t way, std::uint64_t bytes) override;
  std::uint64_t bytes() const override {
    return bytes_[kUp].load(std::memory_order_relaxed) + bytes_[kDown].load(std::memory_order_relaxed);
  }
  Alarm& alarm_of(std::size_t way) override { return alarms_[way]; }
  HttpFlow* http() override { return http_ ? &*http_ : nullptr; }
  void strike(FaultTally& record) override;
  void end(Ending ending) override { ending_.store(ending, std::memory_order_relaxed); }

 private:
  core::task<Result<>> wait_to_begin(core::Context& context);
  core::task<Result<>> pump_both(core::Context& context, net::Socket& client, net::Socket& upstream,
                                 core::Permit second);

  const Options options_;
  Totals& totals_;
  std::optional<HttpFlow> http_;
  std::array<Alarm, 2> alarms_;  // the one for down serves until there are pumps
  std::array<std::atomic<std::uint64_t>, 2>
      bytes_{};  // relaxed: what a peer has seen of them is ordered by the sockets
  // Relaxed: written by a pump, read when both have been joined.
  std::atomic<Ending> ending_{Ending::closed};

  std::mutex lock_;  // guards all below
  bool is_new_ = true;
  std::vector<Struck> struck_;
  std::vector<const FaultTally*> done_;  // carried out on this connection
  std::shared_ptr<const Plight> plight_;
};

}  // namespace weir::chaos::internal

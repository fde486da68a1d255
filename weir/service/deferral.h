// Requests that are promised instead of done: what cannot be had from an upstream now
// is kept, answered with 202 and where to ask for it, and sent when the upstream takes
// it. Bounded in number, bytes and time, as is what is remembered of each afterwards.
//
//   Deferral deferral("orders", config, ledger, send);
//   scope.spawn(std::move(permit), deferral.run(scope.context()));
//   ...
//   if (auto ticket = co_await deferral.take(ctx, head, body)) reply 202, Location:
//   /-/deferred/orders/<ticket>
//   ...
//   deferral.close();    // at shutdown: run() ends when all is sent, or is cancelled
//
// A request may come to the upstream twice: where a try broke off, nobody knows
// whether it was served.
//
// Tasks on any processor; find() and stats(): any thread. The ledger and the store
// outlive it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/bounds/ledger.h"
#include "weir/core/event.h"
#include "weir/core/limit.h"
#include "weir/http/body.h"
#include "weir/http/message.h"
#include "weir/resilience/backoff.h"
#include "weir/resilience/deferred.h"
#include "weir/resilience/retry_budget.h"
#include "weir/service/defer_config.h"
#include "weir/service/stored_request.h"

namespace weir::service {

// Where it is told what became of one: behind it upstream and ticket.
inline constexpr std::string_view kTicketPath = "/-/deferred/";

class Deferral final : private bounds::LedgerEntry {
 public:
  // One try: the status of the upstream's reply, or why there is none.
  using Send = std::function<core::task<Result<int>>(core::Context&, const StoredRequest&)>;

  // What became of one.
  struct Ticket {
    enum class State : std::uint8_t { pending, done, given_up };
    State state = State::pending;
    int status = 0;                // of done: the reply's
    std::string_view reason = {};  // of given_up, a word
  };

  // `store`: where they are kept; null: in memory.
  Deferral(const std::string& upstream, const DeferConfig& config, bounds::Ledger& ledger, Send send,
           std::unique_ptr<resilience::DeferredStore> store = nullptr);
  ~Deferral();
  Deferral(const Deferral&) = delete;
  Deferral& operator=(const Deferral&) = delete;

  const std::string& upstream() const { return upstream_; }

  // Whether it is one that is deferred: by method and path, and by its body as far as
  // that has been announced.
  bool takes(const http::RequestHead& request, const http::BodySource& body) const;
  // Room for a body to be held, as large as it says, or as it may be: before it is read
  // to be sent, so that take() has what was read of it, or to be kept. nullopt: there is
  // none now.
  std::optional<core::Permit> room_for(const http::BodySource& body);
  // The most that is held of one.
  std::uint64_t body_bytes() const { return config_.body_bytes.count; }
  // Reads the rest of a body, under what room_for() it gave, and keeps the request; its
  // ticket. nullopt: the body is too large or broken, or there is no room. `head`: as it
  // goes upstream; `begun`: what has been read already.
  // Cancellation: it is not kept.
  core::task<std::optional<std::string>> take(core::Context& context, const http::RequestHead& head,
                                              http::BodySource& body, std::string begun = {});

  // nullopt: there was none, or it has been forgotten.
  std::optional<Ticket> find(std::string_view ticket) const;

  // Sends them until it is cancelled, or is closed and nothing is left; once.
  core::task<> run(core::Context& context);
  // Takes no more in. Idempotent.
  void close() { queue_.close(); }
  // Until run() has ended.
  core::task<Result<>> ended(core::Context& context) { co_return co_await ended_.wait(context); }

  resilience::DeferredQueue::Stats stats() const { return queue_.stats(); }

  bounds::Row row() const override;
  // What its rows of the ledger will declare.
  static std::vector<bounds::Row> declared_rows(const std::string& upstream, const DeferConfig& config);

 private:
  struct Remembered {
    Ticket ticket;
    TimePoint ended_at = {};  // of what is not pending any more
  };

  core::task<std::optional<std::string>> read_rest(core::Context& context, http::BodySource& body,
                                                   std::string whole) const;
  core::task<Result<>> send(core::Context& context, const resilience::DeferredJob& job);
  std::string new_ticket();
  bool remember(const std::string& ticket);
  void forget(const std::string& ticket);
  void end(const std::string& ticket, const Ticket& how);
  void forget_old_locked(TimePoint now);

  const std::string upstream_;
  const std::string name_;
  const DeferConfig config_;
  bounds::Ledger& ledger_;
  const Send send_;
  const std::unique_ptr<resilience::DeferredStore> store_;
  resilience::SharedRng rng_;
  resilience::RetryBudget pace_;
  bounds::Bound held_;  // of bodies that may have to be kept, or are being read for it
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Remembered> tickets_;  // guarded by mutex_, as what follows
  std::deque<std::string> over_;                         // those that have ended, the oldest first
  core::Event ended_;
  resilience::DeferredQueue queue_;
};

// {"state":"done","status":201}
std::string to_json(const Deferral::Ticket& ticket);

}  // namespace weir::service

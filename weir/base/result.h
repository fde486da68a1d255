// Values that may be errors.
//
// What can be expected under load is a value, not an exception: `Result<T>` is
// a T or an `Error`. Making, moving and reading an Error neither throws nor
// allocates, because refusal is the hot path of this library.
//
// Callable from any thread; Errors are plain values.
//
//   Result<Permit> permit = co_await limit.acquire(ctx);
//   if (!permit) return std::unexpected(permit.error());
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "weir/base/clock.h"

namespace weir {

// What the caller should do about it.
enum class ErrorKind : std::uint8_t {
  overloaded,    // try again after `retry_after`, or elsewhere
  deadline,      // the caller's own time is up
  cancelled,     // the caller's scope was cancelled
  disconnected,  // the peer is gone; a new connection may help
  invalid,       // the input is wrong; the same call fails again
  unsupported,   // the input is right and this build cannot do it
  internal,      // ours to fix
};

// Why, in one word that is fit for a metric label.
enum class Reason : std::uint8_t {
  none,
  at_limit,    // no permit free, and waiting was not asked for
  queue_full,  // as many wait as may wait
  queue_wait,  // waited as long as the queue allows
  evicted,     // waited in a queue that was full, and more important work came
  expired,     // its deadline has passed, or cannot be met any more: not started
  shed,        // its priority is below what is admitted now
  memory_low,  // memory is nearly used up
  descriptors_low,
  keys_full,     // a new key, and no room for one more
  over_rate,     // more in a span of time than its rate allows
  breaker_open,  // what it depends on fails: not tried
  budget_spent,  // as many retries and hedges as the budget allows
  throttled,     // the server refuses such requests: not sent
  draining,      // shutting down: takes no new work
  timed_out,
  refused,    // connection refused
  reset,      // connection reset by the peer
  closed,     // end of stream where more was due
  malformed,  // bytes that are not the protocol
  too_large,
  unresolved,   // a name without an address
  certificate,  // TLS: one side does not trust the other's: unknown, expired, for another name
  handshake,    // TLS: no terms that both accept, or not the protocol
  plain_text,   // clear text where TLS was due
  system,       // see `system_code`
};

struct [[nodiscard]] Error {
  ErrorKind kind = ErrorKind::internal;
  Reason reason = Reason::none;
  int system_code = 0;          // errno, or 0
  std::string_view where = {};  // static or as long-lived as the bound it names
  Duration retry_after = {};    // 0: unknown

  // "overloaded: queue_full at inflight". Allocates: for people, not for paths.
  std::string message() const;
};

template <typename T = void>
using Result = std::expected<T, Error>;

std::string_view to_string(ErrorKind kind);
std::string_view to_string(Reason reason);

// The error for a failed system call, with kind and reason derived from `code`.
Error system_error(int code, std::string_view where);

inline std::unexpected<Error> fail(ErrorKind kind, Reason reason = Reason::none,
                                   std::string_view where = {}) {
  return std::unexpected(Error{.kind = kind, .reason = reason, .where = where});
}

}  // namespace weir

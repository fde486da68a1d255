// What one try of a call has told of the dependency: the one place where an
// answer is judged, for all that learn from it (breaker, throttle, retry, hedge).
//
//   const auto judge = [](const Result<http::ClientResponse>& reply) {
//     if (!reply) return attempt_of(reply.error());
//     if (reply->head().status == 503) return Attempt{.outcome = Attempt::Outcome::overload, .retry_after =
//     1s}; if (reply->head().status >= 500) return Attempt{.outcome = Attempt::Outcome::failure}; return
//     Attempt{};
//   };
//
// A judge looks and changes nothing: it may be asked more than once of one try.
// Plain values.
#pragma once

#include <cstdint>
#include <optional>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/resilience/retry.h"
#include "weir/resilience/threshold.h"

namespace weir::resilience {

struct Attempt {
  enum class Outcome : std::uint8_t {
    ok,             // an answer, and nothing wrong with who gave it
    failure,        // the dependency is at fault
    overload,       // it refused, to protect itself
    not_retryable,  // the request is at fault: the dependency is well, and would say the same again
    unknown,        // says nothing of the dependency: cancelled, or refused by a part of this side
  };

  Outcome outcome = Outcome::ok;
  // Of a failure or an overload: whether the same may be sent again. Not when a
  // piece of the reply has been handed on, or when the request is used up.
  bool retryable = true;
  Duration retry_after = {};           // when the server said to come back; 0: it did not
  std::optional<Threshold> threshold;  // the level below which the server said that it sheds

  bool good() const { return outcome == Outcome::ok || outcome == Outcome::not_retryable; }
};

// By the kind of the error: overloaded is overload; disconnected and deadline
// are failures; invalid and unsupported are the request's; internal is a failure
// that is not tried again. Cancelled, and what a breaker, a throttle or a budget
// further on refused, say nothing.
inline Attempt attempt_of(const Error& error) {
  using Outcome = Attempt::Outcome;
  switch (error.kind) {
    case ErrorKind::overloaded:
      if (!is_retryable(error)) return {.outcome = Outcome::unknown, .retryable = false};
      return {.outcome = Outcome::overload, .retry_after = error.retry_after};
    case ErrorKind::disconnected:
    case ErrorKind::deadline: return {.outcome = Outcome::failure, .retry_after = error.retry_after};
    case ErrorKind::internal: return {.outcome = Outcome::failure, .retryable = false};
    case ErrorKind::cancelled: return {.outcome = Outcome::unknown, .retryable = false};
    case ErrorKind::invalid:
    case ErrorKind::unsupported: break;
  }
  return {.outcome = Outcome::not_retryable, .retryable = false};
}

// Every value is good.
struct JudgeByError {
  template <typename T>
  Attempt operator()(const Result<T>& result) const {
    return result ? Attempt{} : attempt_of(result.error());
  }
};

}  // namespace weir::resilience

// Errors as replies: application/problem+json (RFC 9457).
//
//   co_await respond_problem(exchange, {.status = 409, .detail = "this order has been sent"});
//   co_await respond_error(exchange, permit.error());   // 503 with Retry-After, and why
//
//   {"type":"about:blank","title":"Service Unavailable","status":503,"detail":"...","reason":"queue_full"}
#pragma once

#include <string>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/task.h"

namespace weir::http {

class Exchange;

struct Problem {
  int status = 500;
  std::string_view type = "about:blank";  // a URI of what kind of problem it is
  std::string_view title = {};            // the same for all of a type; empty: the status's phrase
  std::string detail = {};                // of this one, for people; empty: left out
  std::string_view instance = {};         // a URI of this one; empty: left out
  std::string_view reason = {};           // one word, for programs and metrics; empty: left out
  Duration retry_after = {};              // Retry-After, in whole seconds, rounded up; 0: none
};

// The status by what the caller can do about it: invalid 400 (too_large 413),
// unsupported 415, overloaded 503 (over_rate 429), deadline 504, disconnected 502,
// cancelled 503, internal 500. An overloaded one is worth coming back to: after
// its own retry_after, or a second. What is `internal` says nothing of the inside.
Problem problem_of(const Error& error);

std::string to_json(const Problem& problem);

// Does nothing where a reply has begun already, which is no error. Errors: those of
// Exchange::respond.
core::task<Result<>> respond_problem(Exchange& exchange, Problem problem);
// The same by problem_of(); a reply that has begun is cut off.
core::task<Result<>> respond_error(Exchange& exchange, Error error);

}  // namespace weir::http

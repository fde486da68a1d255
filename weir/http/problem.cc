#include "weir/http/problem.h"

#include <algorithm>

#include "weir/base/json_writer.h"
#include "weir/http/exchange.h"

namespace weir::http {
namespace {

// What Retry-After can express.
constexpr Duration kRetryAfterMin = 1s;

int status_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::overloaded: return error.reason == Reason::over_rate ? 429 : 503;
    case ErrorKind::deadline: return 504;
    case ErrorKind::cancelled: return 503;
    case ErrorKind::disconnected: return 502;
    case ErrorKind::invalid: return error.reason == Reason::too_large ? 413 : 400;
    case ErrorKind::unsupported: return 415;
    case ErrorKind::internal: break;
  }
  return 500;
}

}  // namespace

Problem problem_of(const Error& error) {
  Problem problem{.status = status_of(error)};
  if (error.kind == ErrorKind::internal) return problem;
  problem.detail = error.message();
  if (error.reason != Reason::none) problem.reason = to_string(error.reason);
  if (error.kind == ErrorKind::overloaded) problem.retry_after = std::max(error.retry_after, kRetryAfterMin);
  return problem;
}

std::string to_json(const Problem& problem) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().field("type", problem.type);
  json.field("title", problem.title.empty() ? standard_reason(problem.status) : problem.title);
  json.field("status", problem.status);
  if (!problem.detail.empty()) json.field("detail", problem.detail);
  if (!problem.instance.empty()) json.field("instance", problem.instance);
  if (!problem.reason.empty()) json.field("reason", problem.reason);
  json.end_object();
  text += '\n';
  return text;
}

core::task<Result<>> respond_problem(Exchange& exchange, Problem problem) {
  if (exchange.head_sent()) co_return Result<>();
  ResponseHead& head = exchange.reply_head();
  head.status = problem.status;
  head.headers.add("Content-Type", "application/problem+json");
  head.headers.add("Cache-Control", "no-store");
  if (problem.retry_after > Duration::zero()) {
    const auto whole = std::chrono::ceil<std::chrono::seconds>(problem.retry_after).count();
    head.headers.add("Retry-After", std::to_string(whole));
  }
  const std::string body = to_json(problem);
  co_return co_await exchange.respond(head, body);
}

core::task<Result<>> respond_error(Exchange& exchange, Error error) {
  if (!exchange.head_sent()) co_return co_await respond_problem(exchange, problem_of(error));
  exchange.abort();
  co_return Result<>();
}

}  // namespace weir::http

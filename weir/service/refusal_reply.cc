#include "weir/service/refusal_reply.h"

#include <fmt/format.h>

#include <algorithm>

#include "weir/base/json_text.h"
#include "weir/resilience/threshold.h"
#include "weir/service/grpc.h"

namespace weir::service {
namespace {

std::int64_t whole_seconds(Duration duration) {
  return std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(duration).count());
}

}  // namespace

std::string to_json(const RefusalReply& reply) {
  std::string json = fmt::format("{{\"error\":{{\"status\":{}", reply.status);
  const auto text = [&json](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    json.append(",\"").append(name).append("\":");
    append_json_string(value, json);
  };
  text("reason", reply.reason);
  text("bound", reply.bound);
  if (reply.limit > 0) json += fmt::format(",\"limit\":{}", reply.limit);
  text("upstream", reply.upstream);
  if (reply.retry_after > Duration::zero()) {
    json += fmt::format(",\"retry_after_s\":{}", whole_seconds(reply.retry_after));
  }
  text("message", reply.message);
  json += "}}\n";
  return json;
}

core::task<void> send_refusal(http::Exchange& exchange, RefusalReply reply) {
  if (exchange.head_sent()) co_return;
  http::ResponseHead head;
  if (is_grpc(exchange.request().headers)) {
    write_grpc_refusal(reply, head);
    (void)co_await exchange.respond(head, std::string_view());
    co_return;
  }
  head.status = reply.status;
  head.headers.add("Content-Type", "application/json");
  if (!exchange.id().empty()) head.headers.add(http::kRequestIdField, exchange.id());
  if (!reply.bound.empty()) head.headers.add("Weir-Bound", reply.bound);
  if (reply.retry_after > Duration::zero()) {
    head.headers.add("Retry-After", std::to_string(whole_seconds(reply.retry_after)));
  }
  if (reply.threshold > 0)
    head.headers.add("Weir-Shed-Below",
                     resilience::to_field({.shed_below = reply.threshold, .valid_for = 1s}));
  head.headers.copy(reply.also, [](const http::Headers::Field&) { return true; });
  const std::string body = to_json(reply);
  (void)co_await exchange.respond(head, body);
}

}  // namespace weir::service

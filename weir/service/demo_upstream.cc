#include "weir/service/demo_upstream.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "weir/base/rng.h"
#include "weir/core/sleep.h"

namespace weir::service {
namespace {

constexpr std::uint64_t kLatencyMaxMs = 60'000;
constexpr std::uint64_t kPayloadMax = std::uint64_t{64} << 20;
constexpr std::uint64_t kCapacityMax = 100'000;

// The payload, again and again: text, so that a person who looks sees something.
constexpr std::size_t kPatternSize = 16'384;
constexpr auto kPattern = [] {
  constexpr std::string_view kLine = "The level upstream holds; the river below carries what it can.\n";
  std::array<char, kPatternSize> pattern{};
  for (std::size_t i = 0; i < pattern.size(); ++i) pattern[i] = kLine[i % kLine.size()];
  return pattern;
}();

template <typename Number>
bool read_number(std::string_view text, Number most, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out >= 0 && out <= most;
}

bool apply(std::string_view name, std::string_view value, DemoPlan& plan) {
  std::uint64_t number = 0;
  if (name == "ms" && read_number(value, kLatencyMaxMs, number)) {
    plan.latency = std::chrono::milliseconds(number);
  } else if (name == "bytes" && read_number(value, kPayloadMax, number)) {
    plan.payload = Bytes{number};
  } else if (name == "capacity" && read_number(value, kCapacityMax, number) && number > 0) {
    plan.capacity = number;
  } else if (name == "spread" && (value == "none" || value == "exponential")) {
    plan.exponential = value == "exponential";
  } else {
    return name == "fail" && read_number(value, 1.0, plan.failure_rate);
  }
  return true;
}

core::task<void> respond_with(http::Exchange& exchange, int status, std::string_view text) {
  http::ResponseHead head;
  head.status = status;
  head.headers.add("Content-Type", "text/plain; charset=utf-8");
  // A client that is gone has no use for an error either.
  (void)co_await exchange.respond(head, text);
}

}  // namespace

std::expected<DemoPlan, std::string> parse_demo_plan(std::string_view target) {
  DemoPlan plan{.payload = Bytes{64}};
  const std::size_t question = target.find('?');
  std::string_view query =
      question == std::string_view::npos ? std::string_view{} : target.substr(question + 1);
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view value = equals < pair.size() ? pair.substr(equals + 1) : std::string_view{};
    if (!apply(pair.substr(0, equals), value, plan)) {
      return std::unexpected("bad parameter '" + std::string(pair) +
                             "': expected ms=0..60000, spread=none or exponential, bytes=0..67108864, "
                             "fail=0..1, capacity=1..100000\n");
    }
  }
  return plan;
}

DemoUpstream::DemoUpstream()
    : capacity_({.name = "demo-capacity", .limit = kCapacityMax, .queue_depth = kCapacityMax}) {}

core::task<void> DemoUpstream::handle(http::Exchange& exchange) {
  const auto plan = parse_demo_plan(exchange.request().target);
  if (!plan) {
    co_await respond_with(exchange, 400, plan.error());
    co_return;
  }
  if (plan->capacity != 0 && plan->capacity != capacity_.stats().limit) capacity_.resize(plan->capacity);
  const Result<core::Permit> turn = co_await capacity_.acquire(exchange.context());
  if (!turn) {
    co_await respond_with(exchange, 503, "more requests wait than the demo lets wait\n");
    co_return;
  }
  if (Result<> fault = co_await testing::fault_point(exchange.context(), answer_point_); !fault) {
    co_await fail_as_told(exchange, fault.error());
    co_return;
  }
  // Of the request's number: the same sequence for any number of them, without a
  // generator that they share.
  Xoshiro rng(requests_.fetch_add(1, std::memory_order_relaxed));
  if (plan->latency > Duration::zero()) {
    const Duration latency = plan->exponential ? exponential(rng, plan->latency) : plan->latency;
    if (!co_await core::sleep_for(exchange.context(), latency)) co_return;  // the client is gone
  }
  if (uniform(rng) < plan->failure_rate) {
    co_await respond_with(exchange, 500, "failed, as asked\n");
    co_return;
  }
  co_await answer(exchange, *plan);
}

core::task<void> DemoUpstream::fail_as_told(http::Exchange& exchange, const Error& error) {
  if (exchange.context().cancelled()) co_return;  // the client is gone
  if (error.kind == ErrorKind::disconnected) {
    exchange.abort();
    co_return;
  }
  co_await respond_with(exchange, error.kind == ErrorKind::overloaded ? 503 : 500,
                        "failed, by a fault on purpose\n");
}

core::task<void> DemoUpstream::answer(http::Exchange& exchange, const DemoPlan& plan) {
  http::ResponseHead head;
  head.headers.add("Content-Type", "text/plain; charset=utf-8");
  const auto pattern = std::as_bytes(std::span(kPattern));
  if (plan.payload.count <= pattern.size()) {
    (void)co_await exchange.respond(head, pattern.first(plan.payload.count));
    co_return;
  }
  if (!co_await exchange.start(head, http::BodyLength::known(plan.payload.count))) co_return;
  for (std::uint64_t left = plan.payload.count; left > 0;) {
    const auto part = pattern.first(std::min<std::uint64_t>(left, pattern.size()));
    if (!co_await exchange.write(part)) co_return;
    left -= part.size();
  }
  (void)co_await exchange.finish();
}

}  // namespace weir::service

#include "weir/load/internal/hold_calls.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "weir/base/memory.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"
#include "weir/net/listener.h"

namespace weir::load::internal {
namespace {

// What a call may take beyond its wait: with more of them than there are
// descriptors the server cannot accept, and nobody would ever give up.
constexpr Duration kPatience = 30s;
// Started in a row; then the server accepts.
constexpr std::uint64_t kChunk = 32;
// Refusals in a row.
constexpr std::uint64_t kRefusalsBeforeYield = 4096;
// Kept for reuse by a client that has no other bound.
constexpr std::uint64_t kIdleMax = 65'536;
constexpr std::uint64_t kConnectionsMax = std::numeric_limits<std::uint32_t>::max();

net::SocketAddress own_address(std::uint32_t number) {
  return net::SocketAddress::parse("127.0.0." + std::to_string(1 + number) + ":0").value();
}

http::Client::Options client_options(std::uint64_t inflight, Duration wait) {
  const auto connections = static_cast<std::uint32_t>(std::min(inflight, kConnectionsMax));
  return {.pool = {.connections_max = connections,
                   .idle_max = static_cast<std::uint32_t>(std::min<std::uint64_t>(connections, kIdleMax)),
                   .idle_timeout = kPatience,
                   .lifetime = 24h},
          .connect_timeout = saturating_add(TimePoint{}, wait + kPatience).time_since_epoch()};
}

std::uint64_t at_once(const HoldOptions& options) {
  if (options.unbounded) return options.tasks;
  return options.inflight == 0 ? options.bound.least() : options.inflight;
}

}  // namespace

core::task<void> SlowApi::handle(http::Exchange& exchange) {
  if (!co_await core::sleep_for(exchange.context(), wait_)) co_return;  // the client is gone
  (void)co_await exchange.respond(exchange.reply_head(), "held\n");
}

HoldCalls::HoldCalls(core::Context& parent, const HoldOptions& options, const ShowHold& show)
    : options_(options),
      rss_base_(resident()),
      context_(parent),
      inflight_(at_once(options)),
      head_{.target = "/slow"},
      helpers_({.name = "hold.helpers", .limit = 2}),
      connections_({.name = "hold.connections", .limit = std::max<std::uint64_t>(inflight_, 1)}),
      calls_({.name = "hold.calls", .limit = std::max<std::uint64_t>(inflight_, 1), .queue_depth = 1}),
      api_(options.wait),
      server_({.idle_timeout = saturating_add(TimePoint{}, options.wait + kPatience).time_since_epoch(),
               .requests_per_connection_max = std::numeric_limits<std::uint64_t>::max()},
              api_, connections_),
      watch_(options.memory_cap, [this] { return counts(); }, show) {}

std::string HoldCalls::verify() const {
  if (options_.unbounded) return {};
  if (options_.bound.least() == 0) return "not one call fits:\n" + options_.bound.text();
  if (options_.inflight <= options_.bound.least()) return {};
  return std::to_string(options_.inflight) + " calls at once are more than the " +
         std::to_string(options_.bound.least()) + " that " + std::string(options_.bound.narrowest()) +
         " allow:\n" + options_.bound.text();
}

core::task<std::expected<void, std::string>> HoldCalls::run() {
  if (std::string wrong = verify(); !wrong.empty()) co_return std::unexpected(std::move(wrong));
  start_ = core::now();
  if (Result<> served = co_await serve_and_call(); !served && !context_.cancelled()) {
    co_return std::unexpected(served.error().message());
  }
  end_ = core::now();
  co_return {};
}

core::task<Result<>> HoldCalls::serve_and_call() {
  std::vector<net::Listener> listeners;
  const std::uint32_t addresses =
      options_.unbounded ? 1 : addresses_for(inflight_, options_.bound.ground.ports);
  for (std::uint32_t number = 0; number < addresses; ++number) {
    auto opened = net::open_on_every_processor(own_address(number));
    if (!opened) co_return std::unexpected(opened.error());
    clients_.push_back(
        std::make_unique<http::Client>(opened->front().local(), client_options(inflight_, options_.wait)));
    std::ranges::move(*opened, std::back_inserter(listeners));
  }
  co_return co_await core::with_scope(context_, [&](core::Scope& helpers) -> core::task<Result<>> {
    helpers.spawn(std::move(*helpers_.try_acquire()), watch_.watch(helpers.context()));
    Result<> served = co_await core::with_scope(context_, [&](core::Scope& serving) -> core::task<> {
      serving.spawn(std::move(*helpers_.try_acquire()),
                    server_.serve(serving.context(), std::move(listeners)));
      co_await make_calls(serving.context());
      server_.drain();
    });
    helpers.cancel();
    co_return served;
  });
}

core::task<> HoldCalls::make_calls(core::Context& context) {
  (void)co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
    co_await start_calls(scope);
    last_started_ = core::now();
  });
  for (const auto& client : clients_) client->close_idle();
}

core::task<> HoldCalls::start_calls(core::Scope& scope) {
  std::uint64_t started = 0;
  std::uint64_t refused = 0;
  while (started + refused < options_.tasks && !watch_.stopped()) {
    Result<core::Permit> permit =
        options_.shed ? calls_.try_acquire() : co_await calls_.acquire(scope.context());
    if (scope.context().cancelled()) co_return;
    if (!permit) {
      refused_.store(++refused, std::memory_order_relaxed);
      if (refused % kRefusalsBeforeYield == 0) co_await core::yield();
      continue;
    }
    http::Client& client = *clients_[started % clients_.size()];
    scope.spawn(std::move(*permit), call(scope.context(), client));
    started_.store(++started, std::memory_order_relaxed);
    if (started % kChunk == 0) co_await core::yield();
  }
  refused_.store(options_.tasks - started, std::memory_order_relaxed);
}

core::task<> HoldCalls::call(core::Context& context, http::Client& client) {
  core::Context patience(context, saturating_add(core::now(), options_.wait + kPatience));
  const Result<> called = co_await request(patience, client);
  if (called) {
    completed_.fetch_add(1, std::memory_order_relaxed);
  } else if (called.error().kind != ErrorKind::cancelled) {
    failures_[static_cast<std::size_t>(called.error().reason)].fetch_add(1, std::memory_order_relaxed);
    failed_.fetch_add(1, std::memory_order_relaxed);
  }
}

core::task<Result<>> HoldCalls::request(core::Context& context, http::Client& client) {
  Result<http::ClientResponse> response = co_await client.send(context, head_);
  if (!response) co_return std::unexpected(response.error());
  for (;;) {
    const Result<std::span<const std::byte>> piece = co_await response->body().next(context);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
  }
  if (response->head().status == 200) co_return {};
  co_return fail(ErrorKind::overloaded, Reason::at_limit, "hold");
}

HoldWatch::Counts HoldCalls::counts() const {
  const std::uint64_t ended =
      completed_.load(std::memory_order_relaxed) + failed_.load(std::memory_order_relaxed);
  const std::uint64_t started = started_.load(std::memory_order_relaxed);
  const std::uint64_t gone = ended + refused_.load(std::memory_order_relaxed);
  HoldWatch::Counts counts{.phase = HoldPhase::calling,
                           .done = gone,
                           .total = options_.tasks,
                           .waiting = started - std::min(started, ended),
                           .phase_began = start_};
  // So many at once, each for so long.
  const double rounds = static_cast<double>(options_.tasks - std::min(options_.tasks, gone)) /
                        static_cast<double>(std::max<std::uint64_t>(inflight_, 1));
  const double left = std::min(rounds * static_cast<double>(options_.wait.count()), 9e18);
  if (!options_.shed) counts.left = Duration(static_cast<Duration::rep>(left));
  return counts;
}

HoldResult HoldCalls::result() const {
  HoldResult result{.tasks = options_.tasks,
                    .started = started_.load(),
                    .completed = completed_.load(),
                    .refused = refused_.load(),
                    .failed = failed_.load(),
                    .held_peak = watch_.held_peak(),
                    .rss_base = rss_base_,
                    .rss_peak = watch_.rss_peak(),
                    .memory_cap = options_.memory_cap,
                    .spawn = std::max(last_started_ - start_, Duration::zero()),
                    .total = end_ - start_,
                    .inflight = options_.unbounded ? 0 : inflight_,
                    .stopped_by_cap = watch_.stopped(),
                    .interrupted = context_.cancelled()};
  std::ranges::transform(failures_, result.failures.begin(),
                         [](const auto& count) { return count.load(std::memory_order_relaxed); });
  return result;
}

}  // namespace weir::load::internal

#include "weir/load/internal/load_run.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"
#include "weir/load/inflight.h"
#include "weir/load/internal/alarm.h"
#include "weir/load/internal/text_body.h"
#include "weir/net/socket.h"

namespace weir::load::internal {
namespace {

constexpr Duration kReachTimeout = 5s;
constexpr Duration kIntervalMin = 10ms;
// Connections are opened beforehand for what comes due in this time, by so many
// tasks at once.
constexpr Duration kAhead = 10ms;
constexpr std::uint32_t kOpeners = 32;
// Between the decision to start and the first request, so that all dispatchers
// are ready.
constexpr Duration kSetOut = 20ms;
// A connection that was in use so recently is not looked at before it is again:
// servers keep idle ones for seconds.
constexpr Duration kTrustedFor = 100ms;
// Of requests that are due already so many are started in a row. Then what is in
// flight comes first, or a generator that catches up would have all of them in
// flight at once: each on a connection of its own, and slower for it than what
// comes due. But the server may be the one who is late, so that it waits for no
// longer than this share of the time in which the row was due.
constexpr std::uint64_t kRow = 64;
constexpr double kRowShare = 0.8;
constexpr Duration kBreath = 100us;

double cpu_seconds() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

http::Client::Options client_options(const LoadOptions& options, std::uint32_t connections) {
  return {.pool = {.connections_max = connections,
                   .idle_max = connections,
                   .idle_timeout = options.timeout + 1min,
                   .lifetime = RateProfile::kLengthMax,
                   .trusted_for = kTrustedFor},
          .connect_timeout = options.timeout,
          .tls = options.tls.get(),
          .server_name = options.server_name,
          .protocol = options.http2 ? http::ClientProtocol::http2 : http::ClientProtocol::http1,
          .http2 = {.connections_max = connections, .ping_after = options.timeout}};
}

http::RequestHead head_of(const LoadOptions& options, const RequestMix::Pick& pick, std::uint64_t number,
                          Rng& rng) {
  const RequestKind& kind = options.mix.kinds()[pick.kind];
  http::RequestHead head{.method = kind.method, .target = kind.target.fill(number, rng)};
  head.headers.add("Host", options.authority);
  for (const auto& [name, value] : kind.headers) head.headers.set(name, value.fill(number, rng));
  const std::vector<RequestLabel>& labels = options.mix.labels();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    head.headers.set(labels[i].header, labels[i].values[pick.values[i]].first);
  }
  return head;
}

}  // namespace

LoadRun::LoadRun(core::Context& parent, LoadOptions options, ShowLoad show)
    : options_(std::move(options)),
      show_(std::move(show)),
      context_(parent),
      shares_(core::Runtime::current().processors()),
      helpers_({.name = "load.helpers", .limit = shares_ + 1u}),
      inflight_({.name = "load.inflight",
                 .limit = std::max(options_.plan ? options_.inflight_max : options_.connections, 1u)}),
      groups_(options_.mix.groups().size()),
      interval_(groups_),
      taken_(groups_),
      result_(groups_) {
  Xoshiro rng(options_.seed);
  const std::vector<RequestKind>& kinds = options_.mix.kinds();
  constants_.resize(kinds.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (!options_.mix.labels().empty() || !kinds[i].constant()) continue;
    const RequestMix::Pick pick{.kind = static_cast<std::uint16_t>(i)};
    constants_[i] = Constant{.head = head_of(options_, pick, 0, rng), .body = kinds[i].body.fill(0, rng)};
  }
}

void LoadRun::open_clients() {
  const auto connections = static_cast<std::uint32_t>(inflight_.options().limit);
  for (unsigned share = 0; share < shares_; ++share) {
    clients_.push_back(
        std::make_unique<http::Client>(options_.target, client_options(options_, connections)));
    recorders_.push_back(std::make_unique<Recorder>(groups_));
  }
}

std::string LoadRun::verify() const {
  const InflightGround ground = read_inflight_ground({});
  const std::uint64_t taken = ground.descriptors_open + kDescriptorsSpare + shares_;  // an alarm each
  const std::uint64_t possible = ground.descriptors_max - std::min(ground.descriptors_max, taken);
  if (inflight_.options().limit > possible) {
    return std::to_string(inflight_.options().limit) +
           " requests in flight take as many descriptors, and this process has " + std::to_string(possible);
  }
  const Duration planned = options_.plan ? options_.plan->length() : options_.length;
  if (options_.interval < kIntervalMin) return "an interval has 10 ms at least";
  if (options_.warm_up >= planned) return "the warm-up leaves nothing of the run to measure";
  return {};
}

core::task<std::expected<LoadResult, std::string>> LoadRun::run() {
  if (std::string wrong = verify(); !wrong.empty()) co_return std::unexpected(std::move(wrong));
  if (auto reached = co_await reach(); !reached) co_return std::unexpected(reached.error());
  open_clients();
  co_await open_ahead();
  start_ = SystemClock::read() + kSetOut;
  result_.started = start_;
  measured_from_ = start_ + options_.warm_up;
  collected_at_ = start_;
  if (options_.warm_up == Duration::zero()) cpu_at_start_ = cpu_seconds();
  result_.planned = options_.plan ? options_.plan->length() : options_.length;
  (void)co_await core::with_scope(context_, [&](core::Scope& scope) -> core::task<> {
    scope.spawn(*helpers_.try_acquire(), collect(scope.context()));
    co_await generate(context_);
    scope.cancel();
  });
  const TimePoint end = SystemClock::read();
  collect_until(end);
  result_.interrupted = context_.cancelled();
  result_.measured = options_.plan && !result_.interrupted ? result_.planned - options_.warm_up
                                                           : std::max(end - measured_from_, Duration(1));
  result_.cpu_s = cpu_at_start_ < 0 ? 0 : cpu_seconds() - cpu_at_start_;
  result_.unfinished = unfinished_.load(std::memory_order_relaxed);
  for (const auto& client : clients_) {
    result_.connects += client->stats().connects;
    client->close_idle();
  }
  co_return std::move(result_);
}

core::task<std::expected<void, std::string>> LoadRun::reach() {
  const TimePoint deadline = core::now() + std::min(options_.timeout, kReachTimeout);
  const Result<net::Socket> socket = co_await net::Socket::connect(context_, options_.target, deadline);
  if (socket) co_return {};
  co_return std::unexpected(
      "cannot connect to " + options_.target.to_string() + ": " +
      std::string(
          to_string(socket.error().reason == Reason::none ? Reason::timed_out : socket.error().reason)));
}

core::task<> LoadRun::open_ahead() {
  const auto most = static_cast<std::uint32_t>(inflight_.options().limit);
  std::uint32_t wanted = most;
  if (options_.open_ahead) {
    wanted = std::min(*options_.open_ahead, most);
  } else if (options_.plan) {
    wanted =
        static_cast<std::uint32_t>(std::min<double>(std::ceil(options_.plan->most_within(kAhead)), most));
  }
  core::Context patience(context_, core::now() + kReachTimeout);
  const std::uint32_t openers = std::min(wanted, kOpeners);
  core::Limit limit({.name = "load.openers", .limit = kOpeners});
  (void)co_await core::with_scope(patience, [&](core::Scope& scope) -> core::task<> {
    for (std::uint32_t i = 0; i < openers; ++i) {
      scope.spawn(*limit.try_acquire(), open_some(scope.context(), *clients_[i % shares_],
                                                  wanted / openers + (i < wanted % openers ? 1 : 0)));
    }
    co_return;
  });
}

core::task<> LoadRun::open_some(core::Context& context, http::Client& client, std::uint32_t count) {
  // What the server refuses now, it refuses to the requests that come: they tell.
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!co_await client.open_idle(context)) co_return;
  }
}

core::task<> LoadRun::generate(core::Context& context) {
  (void)co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
    if (options_.plan) {
      for (unsigned share = 0; share < shares_; ++share) {
        scope.spawn(*helpers_.try_acquire(), dispatch(scope, share));
      }
    } else {
      for (std::uint32_t connection = 0; connection < options_.connections; ++connection) {
        scope.spawn(*inflight_.try_acquire(), repeat(scope.context(), connection));
      }
    }
    co_return;
  });
}

core::task<> LoadRun::dispatch(core::Scope& scope, unsigned share) {
  Arrivals plan = *options_.plan;
  Result<Alarm> alarm = Alarm::open();
  WEIR_CHECK(alarm, "descriptors for the generator itself are spared");
  std::uint64_t row = 0;
  TimePoint row_due{};
  std::uint64_t number = 0;
  for (std::optional<Duration> offset; (offset = plan.next()); ++number) {
    if (number % shares_ != share) continue;
    const TimePoint due = start_ + *offset;
    if (due > core::now()) {
      if (!co_await alarm->until(scope.context(), due)) co_return;
      row = 0;
    } else if (++row == kRow) {
      if (!co_await let_catch_up(scope.context(), (due - row_due) * kRowShare)) co_return;
      row = 0;
    }
    if (row == 0) row_due = due;
    if (scope.context().cancelled()) co_return;
    Result<core::Permit> permit = inflight_.try_acquire();
    if (permit) {
      scope.spawn(std::move(*permit), perform(scope.context(), request(number, due, share)));
    } else {
      note(due, [](LoadCounts& counts) { ++counts.not_sent; });
    }
  }
}

core::task<bool> LoadRun::let_catch_up(core::Context& context,
                                       std::chrono::duration<double, std::nano> most) {
  const std::uint64_t before = inflight_.stats().in_use;
  const TimePoint end = core::now() + std::chrono::duration_cast<Duration>(most);
  do {
    if (!co_await core::sleep_for(context, kBreath)) co_return false;
  } while (inflight_.stats().in_use + kRow > before && core::now() < end);
  co_return true;
}

core::task<> LoadRun::repeat(core::Context& context, std::uint32_t connection) {
  if (!co_await core::sleep_until(context, start_)) co_return;
  const TimePoint end = start_ + options_.length;
  for (std::uint64_t number = connection; !context.cancelled(); number += options_.connections) {
    const TimePoint due = SystemClock::read();
    if (due >= end) co_return;
    co_await perform(context, request(number, due, connection));
  }
}

LoadRun::Request LoadRun::request(std::uint64_t number, TimePoint due, std::uint64_t share) const {
  // Of the number alone, so that it does not matter who sends it.
  Xoshiro rng(options_.seed + number);
  return {.pick = options_.mix.pick(rng),
          .number = number,
          .due = due,
          .client = clients_[share % shares_].get()};
}

core::task<> LoadRun::perform(core::Context& context, Request request) {
  const TimePoint sent = SystemClock::read();
  note(request.due, [&](LoadCounts& counts) {
    ++counts.sent;
    const Duration lag = std::max(sent - request.due, Duration::zero());
    if (lag <= options_.timely) ++counts.timely;
    counts.lag.record(lag);
  });
  LoadOutcome outcome;
  std::uint64_t bytes = 0;
  {
    core::Context patience(context, sent + options_.timeout);
    const Result<int> status = co_await exchange(patience, request, bytes);
    if (!status && context.cancelled()) {
      unfinished_.fetch_add(1, std::memory_order_relaxed);
      co_return;
    }
    if (status) {
      outcome.status = *status;
    } else {
      const bool late = status.error().kind == ErrorKind::deadline;
      outcome.reason = late ? Reason::timed_out : status.error().reason;
    }
  }
  note_ended(request, sent, outcome, bytes);
}

core::task<Result<int>> LoadRun::exchange(core::Context& context, const Request& request,
                                          std::uint64_t& bytes) {
  const std::optional<Constant>& constant = constants_[request.pick.kind];
  Constant own;
  if (!constant) {
    Xoshiro rng(~(options_.seed + request.number));
    own.head = head_of(options_, request.pick, request.number, rng);
    own.body = options_.mix.kinds()[request.pick.kind].body.fill(request.number, rng);
  }
  const http::RequestHead& head = constant ? constant->head : own.head;
  const std::string& text = constant ? constant->body : own.body;
  TextBody body(text);
  Result<http::ClientResponse> response =
      co_await request.client->send(context, head, text.empty() ? nullptr : &body);
  if (!response) co_return std::unexpected(response.error());
  for (;;) {
    const Result<std::span<const std::byte>> piece = co_await response->body().next(context);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return response->head().status;
    bytes += piece->size();
  }
}

template <typename Note>
void LoadRun::note(TimePoint due, Note note) {
  Recorder& own = *recorders_[core::Runtime::current_processor()];
  const std::lock_guard guard(own.lock);
  note(due < measured_from_ ? own.warm_up : own.measured);
}

void LoadRun::note_ended(const Request& request, TimePoint sent, const LoadOutcome& outcome,
                         std::uint64_t bytes) {
  const TimePoint now = SystemClock::read();
  note(request.due, [&](LoadCounts& counts) {
    const LoadClass of = class_of(outcome);
    const Duration latency = now - request.due;
    counts.all.of(of).record(latency);
    options_.mix.for_each_group(request.pick,
                                [&](std::size_t group) { counts.groups[group].of(of).record(latency); });
    counts.service.record(now - sent);
    counts.bytes_received += bytes;
    if (outcome.status != 0) {
      ++counts.statuses[static_cast<std::size_t>(outcome.status)];
    } else {
      ++counts.reasons[static_cast<std::size_t>(outcome.reason)];
    }
  });
}

core::task<> LoadRun::collect(core::Context& context) {
  const Duration span = std::max(options_.interval, result_.planned / LoadResult::kIntervalsMax);
  for (TimePoint end = start_ + span;;) {
    const bool warming_up = collected_at_ < measured_from_;
    const TimePoint next = warming_up ? std::min(end, measured_from_) : end;
    if (!co_await core::sleep_until(context, next)) co_return;
    collect_until(next);
    if (next == end) end += span;
  }
}

void LoadRun::collect_until(TimePoint now) {
  interval_.clear();
  for (const auto& recorder : recorders_) {
    for (LoadCounts* counts : {&recorder->warm_up, &recorder->measured}) {
      {
        const std::lock_guard guard(recorder->lock);
        std::swap(taken_, *counts);
      }
      interval_.merge(taken_);
      if (counts == &recorder->measured) result_.counts.merge(taken_);
      taken_.clear();
    }
  }
  if (cpu_at_start_ < 0 && now >= measured_from_) cpu_at_start_ = cpu_seconds();
  LoadInterval interval{.at = now - start_,
                        .span = now - std::exchange(collected_at_, now),
                        .warm_up = now <= measured_from_ && options_.warm_up > Duration::zero(),
                        .due = interval_.due(),
                        .sent = interval_.sent,
                        .not_sent = interval_.not_sent,
                        .inflight = inflight_.stats().in_use};
  interval.set_ended(interval_);
  if (show_) show_(interval);
  result_.intervals.push_back(std::move(interval));
}

}  // namespace weir::load::internal

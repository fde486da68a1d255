#include "tools/weir/serve_chaos.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <utility>

#include "tools/weir/chaos_file.h"
#include "weir/base/units.h"
#include "weir/chaos/process_faults.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::tools {
namespace {

void say(const std::string& line) {
  std::fprintf(stderr, "CHAOS %s\n", line.c_str());
  std::fflush(stderr);
}

}  // namespace

std::unique_ptr<ServeChaos> ServeChaos::load(const std::string& file, unsigned processors) {
  std::optional<chaos::Scenario> scenario =
      accept_scenario(chaos::load_scenario(file), service::kGatewayFaultPoints);
  if (!scenario) return nullptr;
  std::unique_ptr<ServeChaos> loaded(new ServeChaos(file, std::move(*scenario)));
  if (loaded->scenario_.proxies.empty()) return loaded;
  auto bound = listen_for(loaded->scenario_, "weir serve", processors);
  if (!bound) return nullptr;
  loaded->bound_ = *bound;
  loaded->proxies_.emplace(loaded->scenario_, std::move(*bound), chaos::Proxies::Options{});
  return loaded;
}

void ServeChaos::announce() const {
  say(fmt::format("{}: faults on purpose, {} in {}, seed {}; everything is taken back at the end", file_,
                  scenario_.events.size(), weir::to_string(scenario_.length), scenario_.seed));
  say_where_they_listen("CHAOS", scenario_, bound_);
}

std::string ServeChaos::notice() const {
  const std::lock_guard guard(mutex_);
  if (!playing_) return {};
  return fmt::format("Faults on purpose ({}): {}", file_,
                     in_.empty() ? std::string("none is in now") : fmt::format("{}", fmt::join(in_, ", ")));
}

void ServeChaos::note(const chaos::EventRecord& record) {
  const std::string what = chaos::describe(*record.event);
  if (record.until) {
    say(fmt::format("{:.3f}s {} is out", seconds(*record.until), what));
  } else {
    say(fmt::format("{:.3f}s {} is in", seconds(record.from.value_or(Duration{})), what));
  }
  const std::lock_guard guard(mutex_);
  if (!record.until) {
    in_.insert(what);
  } else if (const auto found = in_.find(what); found != in_.end()) {
    in_.erase(found);
  }
}

core::task<> ServeChaos::play(service::GatewayParts parts) {
  const chaos::FindTarget proxies = [this](const chaos::Event&) { return &*proxies_; };
  const chaos::ScenarioRecord record = co_await chaos::play_in_process(
      parts.serving, scenario_,
      {.points = parts.faults, .ledger = parts.ledger, .proxies = proxies_ ? proxies : chaos::FindTarget()},
      [this](const chaos::EventRecord& event) { note(event); });
  {
    const std::lock_guard guard(mutex_);
    playing_ = false;
  }
  say(fmt::format("over after {:.3f}s{}; everything has been taken back", seconds(record.length),
                  record.error ? ", before its end: " + record.error->message() : std::string()));
  std::fputs(chaos::record_text(record).c_str(), stderr);
  std::fflush(stderr);
}

core::task<> ServeChaos::serve_proxies(core::Context& context) {
  const Result<> served = co_await proxies_->serve(context);
  if (!served && served.error().kind != ErrorKind::cancelled) {
    say("the proxies do not accept any more: " + served.error().message());
  }
}

core::task<> ServeChaos::run(service::GatewayParts parts) {
  if (!proxies_) {
    co_await play(parts);
    co_return;
  }
  core::Limit tasks({.name = "chaos-proxies", .limit = 1});
  (void)co_await core::with_scope(parts.context, [&](core::Scope& scope) -> core::task<> {
    scope.spawn(*tasks.try_acquire(), serve_proxies(scope.context()));
    co_await play(parts);
  });
}

}  // namespace weir::tools

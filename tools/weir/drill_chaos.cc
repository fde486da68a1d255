#include "tools/weir/drill_chaos.h"

#include <cstdio>
#include <utility>

#include "tools/weir/chaos_file.h"
#include "weir/chaos/chaos_run.h"
#include "weir/chaos/scenario_run.h"

namespace weir::tools {
namespace {

constexpr const char* kName = "weir drill";

}  // namespace

std::unique_ptr<DrillChaos> DrillChaos::load(const std::string& file, unsigned processors) {
  std::optional<chaos::Scenario> scenario = accept_scenario(chaos::load_scenario(file));
  if (!scenario || !only_at_proxies(file, *scenario)) return nullptr;
  std::unique_ptr<DrillChaos> made(new DrillChaos(std::move(*scenario)));
  auto bound = listen_for(made->scenario_, kName, processors);
  if (!bound) return nullptr;
  say_where_they_listen(kName, made->scenario_, *bound);
  made->proxies_.emplace(made->scenario_, std::move(*bound), chaos::Proxies::Options{});
  return made;
}

load::Disturbance DrillChaos::disturbance() {
  return {.length = scenario_.length, .play = [this](core::Context& context) { return play(context); }};
}

core::task<> DrillChaos::serve(core::Context& context) {
  static_cast<void>(co_await proxies_->serve(context));
}

core::task<std::expected<void, std::string>> DrillChaos::play(core::Context& context) {
  const chaos::ScenarioRecord record = co_await chaos::play(
      context, scenario_, [this](const chaos::Event&) -> chaos::FaultTarget* { return &*proxies_; },
      [](const chaos::EventRecord& changed) {
        std::fprintf(stderr, "  %s: %s\n", chaos::describe(*changed.event).c_str(),
                     changed.until ? "over" : "on");
      });
  if (record.error) co_return std::unexpected(record.error->message());
  std::string wrong;
  for (std::size_t i = 0; i < scenario_.events.size(); ++i) {
    const chaos::EventVerdict verdict = chaos::judge(scenario_.events[i], proxies_->figures(i), {});
    if (verdict == chaos::EventVerdict::achieved) continue;
    if (!wrong.empty()) wrong += "; ";
    wrong += chaos::describe(scenario_.events[i]) + ": " + std::string(chaos::to_string(verdict));
  }
  if (!wrong.empty()) co_return std::unexpected(std::move(wrong));
  co_return {};
}

}  // namespace weir::tools

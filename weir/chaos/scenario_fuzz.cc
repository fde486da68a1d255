// Any bytes as a scenario file: reading them ends, and ends in a scenario that
// keeps its limits or in mistakes that have a place.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "weir/base/check.h"
#include "weir/chaos/scenario.h"
#include "weir/service/text.h"
#include "weir/service/yaml_file.h"

namespace {

using namespace weir;
using namespace weir::chaos;

void check_findings(const service::Diagnostics& findings, std::string_view text) {
  const auto lines = static_cast<std::uint32_t>(std::ranges::count(text, '\n')) + 1;
  for (const service::Diagnostic& item : findings.items()) {
    WEIR_CHECK(!item.fault.message.empty(), "a finding without words");
    WEIR_CHECK(item.place && item.place.column > 0, "a finding without a place");
    WEIR_CHECK(item.place.line <= lines + 1, "a line that the file does not have");
  }
  const std::string report = findings.text(service::Colour::no);
  WEIR_CHECK(!service::find_text_fault(report), "a report that is no plain text");
}

void check_scenario(const Scenario& scenario, std::string_view text) {
  WEIR_CHECK(
      scenario.proxies.size() <= Scenario::kProxiesMax && scenario.events.size() <= Scenario::kEventsMax,
      "more than the maximum");
  WEIR_CHECK(scenario.length <= 24h, "longer than a day");
  for (const Event& event : scenario.events) {
    WEIR_CHECK(event.at >= 0s && event.length > 0s && event.end() <= scenario.length, "a time outside");
    WEIR_CHECK((event.target_kind == TargetKind::process) == event.target.empty(), "no target");
    if (event.target_kind == TargetKind::proxy) {
      WEIR_CHECK(scenario.find_proxy(event.target) != nullptr, "a proxy that is not declared");
    }
    if (const auto* delay = std::get_if<DelayFault>(&event.fault)) {
      const Duration span = delay->delay.sample(1, event.seed);
      WEIR_CHECK(span >= 0s && span <= delay->delay.max, "a delay outside its limits");
    }
    if (const auto* status = std::get_if<StatusFault>(&event.fault)) {
      (void)status->match.matches_path(text);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.size() > service::kYamlBytesMax.count) return 0;  // refused as a whole, without a place
  ScenarioParsed parsed = parse_scenario("f", text);
  if (!parsed) {
    WEIR_CHECK(parsed.error().errors() > 0, "refused without an error");
    check_findings(parsed.error(), text);
    return 0;
  }
  check_scenario(parsed->scenario, text);
  check_points(parsed->scenario, {}, parsed->findings);
  check_findings(parsed->findings, text);
  return 0;
}

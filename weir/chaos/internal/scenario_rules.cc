#include "weir/chaos/internal/scenario_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "weir/service/text.h"

namespace weir::chaos::internal {
namespace {

using service::Diagnostics;
using service::in_quotes;
using service::Place;

constexpr Duration kEndMax = 24h;

std::string at(Place place) { return fmt::format("{}:{}", place.line, place.column); }

void check_proxies(const ScenarioDraft& draft, Diagnostics& findings) {
  const std::vector<ProxyConfig>& proxies = draft.scenario.proxies;
  for (std::size_t i = 0; i < proxies.size(); ++i) {
    const ScenarioDraft::Proxy& places = draft.proxies[i];
    for (std::size_t k = 0; k < i; ++k) {
      const ScenarioDraft::Proxy& before = draft.proxies[k];
      if (places.name && before.name && proxies[i].name == proxies[k].name) {
        findings.error(places.name.place,
                       {fmt::format("proxy {} is declared twice", in_quotes(proxies[i].name)),
                        fmt::format("the first is at {}", at(before.name.place))});
      }
      if (places.listen && before.listen && service::meet(proxies[i].listen, proxies[k].listen)) {
        findings.error(places.listen.place,
                       {fmt::format("proxies {} and {} both listen on {}", in_quotes(proxies[k].name),
                                    in_quotes(proxies[i].name), proxies[i].listen.text()),
                        "give each a port of its own"});
      }
    }
    if (places.listen && places.upstream && service::leads_to(proxies[i].upstream, proxies[i].listen)) {
      findings.error(places.upstream.place,
                     {fmt::format("proxy {} leads to itself at {}", in_quotes(proxies[i].name),
                                  proxies[i].listen.text()),
                      "name the service behind it"});
    }
  }
}

Direction direction_of(const Fault& fault) {
  if (const auto* delay = std::get_if<DelayFault>(&fault)) return delay->direction;
  if (const auto* bandwidth = std::get_if<BandwidthFault>(&fault)) return bandwidth->direction;
  if (const auto* blackhole = std::get_if<BlackholeFault>(&fault)) return blackhole->direction;
  return Direction::both;
}

// Whether one of two faults of one target at one time would undo the other.
bool clash(const Fault& a, const Fault& b) {
  if (a.index() != b.index()) return false;
  const auto* status = std::get_if<StatusFault>(&a);
  if (status != nullptr) return status->match == std::get<StatusFault>(b).match;
  const Direction one = direction_of(a), other = direction_of(b);
  return one == other || one == Direction::both || other == Direction::both;
}

void check_overlaps(const ScenarioDraft& draft, Diagnostics& findings) {
  const std::vector<Event>& events = draft.scenario.events;
  for (std::size_t i = 0; i < events.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      const Event& a = events[k];
      const Event& b = events[i];
      if (a.target_kind != b.target_kind || a.target != b.target || !clash(a.fault, b.fault)) continue;
      if (a.end() <= b.at || b.end() <= a.at) continue;
      findings.error(
          draft.events[i].place,
          {fmt::format("{} ({} from {} to {}) overlaps {} at {} (from {} to {})", draft.events[i].name,
                       describe(b), weir::to_string(b.at), weir::to_string(b.end()), draft.events[k].name,
                       at(draft.events[k].place), weir::to_string(a.at), weir::to_string(a.end())),
           "one fault of a kind at a time: begin it later, or end the other before"});
      break;  // one is enough to know about an event
    }
  }
}

void check_length(ScenarioDraft& draft, bool no_events, Diagnostics& findings) {
  Scenario& scenario = draft.scenario;
  if (!draft.length.known) return;
  Duration end{};
  for (const Event& event : scenario.events) end = std::max(end, event.end());
  const Duration most = draft.length ? scenario.length : kEndMax;
  for (std::size_t i = 0; i < scenario.events.size(); ++i) {
    const Event& event = scenario.events[i];
    if (event.end() <= most) continue;
    findings.error(
        draft.events[i].place,
        draft.length
            ? service::Fault{fmt::format("{} ends at {}, after the scenario's end at {} ({})",
                                         draft.events[i].name, weir::to_string(event.end()),
                                         weir::to_string(most), at(draft.length.place)),
                             "make length longer, or take length away"}
            : service::Fault{fmt::format("{} ends at {}", draft.events[i].name, weir::to_string(event.end())),
                             "a scenario ends within 24h"});
  }
  if (!draft.length) scenario.length = end;
  if (no_events && !draft.length) {
    findings.error({1, 1}, {"the scenario has neither events nor a length",
                            "add events: or, for proxies alone, length: and a duration"});
  }
}

}  // namespace

void check_scenario(ScenarioDraft& draft, bool no_events, Diagnostics& findings) {
  check_proxies(draft, findings);
  check_overlaps(draft, findings);
  check_length(draft, no_events, findings);
}

}  // namespace weir::chaos::internal

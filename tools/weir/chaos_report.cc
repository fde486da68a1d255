#include "tools/weir/chaos_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/weir/exit_code.h"
#include "tools/weir/numbers.h"
#include "weir/base/json_text.h"
#include "weir/base/units.h"

namespace weir::tools {

using chaos::ChaosResult;
using chaos::Event;
using chaos::EventResult;
using chaos::EventVerdict;

namespace {

constexpr std::array<std::pair<std::string_view, double>, 4> kQuantiles{
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}}};

bool any(const ChaosResult& result, EventVerdict verdict) {
  return std::ranges::any_of(result.events, [=](const EventResult& e) { return e.verdict == verdict; });
}

std::string per_second(double rate) { return to_string(Bytes{static_cast<std::uint64_t>(rate)}) + "/s"; }

std::string quantiles_text(const Histogram& histogram) {
  return fmt::format("p50 {}, p99 {}", short_time(histogram.quantile(0.5)),
                     short_time(histogram.quantile(0.99)));
}

std::string asked_text(const Event& said, const EventResult& event) {
  if (event.figures.asked.count() > 0) return quantiles_text(event.figures.asked);
  if (const auto* bandwidth = std::get_if<chaos::BandwidthFault>(&said.fault)) {
    return per_second(static_cast<double>(bandwidth->per_second.count));
  }
  return "";
}

bool is_paced(const Event& said) { return std::holds_alternative<chaos::BandwidthFault>(said.fault); }

std::string achieved_text(const Event& said, const EventResult& event) {
  if (event.figures.measured.count() > 0) return quantiles_text(event.figures.measured);
  const double rate = is_paced(said) ? chaos::paced_rate(event.figures) : 0;
  return rate > 0 ? per_second(rate) : "";
}

std::string_view verdict_text(EventVerdict verdict) {
  switch (verdict) {
    case EventVerdict::achieved: return "achieved";
    case EventVerdict::missed: return "MISSED";
    case EventVerdict::no_chance: return "nothing to do it to";
    case EventVerdict::not_begun: return "not begun";
  }
  return "";
}

void append_json_histogram(std::string_view name, const Histogram& histogram, std::string& out) {
  if (histogram.count() == 0) return;
  fmt::format_to(std::back_inserter(out), ",\"{}\":{{\"count\":{},\"mean_ms\":{:.4f}", name,
                 histogram.count(), milliseconds(histogram.mean()));
  for (const auto& [label, quantile] : kQuantiles) {
    fmt::format_to(std::back_inserter(out), ",\"{}_ms\":{:.4f}", label,
                   milliseconds(histogram.quantile(quantile)));
  }
  out += "}";
}

std::string event_json(const Event& said, const EventResult& event) {
  const chaos::FaultFigures& figures = event.figures;
  std::string out = fmt::format("{{\"fault\":\"{}\",\"on\":", chaos::fault_name(said.fault));
  append_json_string(said.target, out);
  fmt::format_to(
      std::back_inserter(out), ",\"at_s\":{},\"for_s\":{},\"matched\":{},\"hit\":{},\"done\":{},\"bytes\":{}",
      seconds(said.at), seconds(said.length), figures.matched, figures.hit, figures.done, figures.bytes);
  append_json_histogram("asked", figures.asked, out);
  append_json_histogram("measured", figures.measured, out);
  append_json_histogram("late", figures.late, out);
  if (const auto* bandwidth = std::get_if<chaos::BandwidthFault>(&said.fault)) {
    fmt::format_to(std::back_inserter(out), ",\"asked_bytes_per_s\":{},\"achieved_bytes_per_s\":{:.0f}",
                   bandwidth->per_second.count, chaos::paced_rate(figures));
  }
  fmt::format_to(std::back_inserter(out), ",\"verdict\":\"{}\"}}", chaos::to_string(event.verdict));
  return out;
}

std::string proxy_json(const chaos::ProxyConfig& config, const chaos::Proxy::Stats& stats) {
  std::string out = "{\"name\":";
  append_json_string(config.name, out);
  fmt::format_to(std::back_inserter(out),
                 ",\"protocol\":\"{}\",\"accepted\":{},\"refused\":{},\"unreachable\":{},\"bytes_up\":{},"
                 "\"bytes_down\":{}}}",
                 chaos::to_string(config.protocol), stats.accepted, stats.refused, stats.unreachable,
                 stats.bytes_up, stats.bytes_down);
  return out;
}

// Of two lists of the same length, pair by pair.
template <typename A, typename B, typename ToText>
std::string joined(const std::vector<A>& a, const std::vector<B>& b, ToText to_text) {
  std::string out;
  for (std::size_t i = 0; i < a.size(); ++i) out += (i == 0 ? "" : ",") + to_text(a[i], b[i]);
  return out;
}

}  // namespace

std::string chaos_progress_line(const chaos::ChaosRun& run) {
  std::string on;
  for (const chaos::Event* event : run.on_now()) on += (on.empty() ? "" : ", ") + chaos::describe(*event);
  const chaos::Proxy::Stats stats = run.stats();
  return fmt::format("{:6.1f} s of {:.0f} s  {} open, {} up, {} down  on: {}", seconds(run.elapsed()),
                     seconds(run.scenario().length), with_commas(stats.open),
                     to_string(Bytes{stats.bytes_up}), to_string(Bytes{stats.bytes_down}),
                     run.is_over() ? "nothing; it is over, and bytes pass until Ctrl-C"
                     : on.empty()  ? "nothing"
                                   : on);
}

std::string_view chaos_verdict(const ChaosResult& result) {
  if (result.interrupted) return "interrupted";
  if (any(result, EventVerdict::missed)) return "missed";
  return any(result, EventVerdict::no_chance) ? "inconclusive" : "pass";
}

int chaos_exit_code(const ChaosResult& result) {
  const std::string_view verdict = chaos_verdict(result);
  if (verdict == "interrupted") return kInterrupted;
  if (verdict == "missed") return kFinding;
  return verdict == "inconclusive" ? kInconclusive : kPass;
}

std::string chaos_table(const chaos::Scenario& scenario, const ChaosResult& result,
                        const chaos::Tolerance& tolerance) {
  constexpr std::string_view kRow = "{:28}{:>16}{:>10}{:>9}{:>9}{:>11}  {:28}{:28}{}\n";
  std::string text =
      fmt::format(kRow, "fault", "from..to", "matched", "hit", "done", "bytes", "asked", "achieved", "");
  for (std::size_t i = 0; i < result.events.size(); ++i) {
    const Event& said = scenario.events[i];
    const EventResult& event = result.events[i];
    const chaos::FaultFigures& figures = event.figures;
    text += fmt::format(kRow, chaos::describe(said), to_string(said.at) + ".." + to_string(said.end()),
                        with_commas(figures.matched), with_commas(figures.hit), with_commas(figures.done),
                        to_string(Bytes{figures.bytes}), asked_text(said, event), achieved_text(said, event),
                        verdict_text(event.verdict));
  }
  text += "\n";
  for (std::size_t i = 0; i < result.proxies.size(); ++i) {
    const chaos::Proxy::Stats& stats = result.proxies[i];
    text += fmt::format(
        "{}: {} connections, {} up, {} down, {} refused over the limit, {} without upstream\n",
        scenario.proxies[i].name, with_commas(stats.accepted), to_string(Bytes{stats.bytes_up}),
        to_string(Bytes{stats.bytes_down}), with_commas(stats.refused), with_commas(stats.unreachable));
  }
  if (result.cut_off > 0) text += fmt::format("{} connections were cut off at the end.\n", result.cut_off);
  if (result.interrupted) text += "Interrupted; what was done until then.\n";
  return text + fmt::format(
                    "Achieved: 99% of what was held back left within {} of its time, rates within {:.0f}%.\n",
                    to_string(tolerance.late), 100 * tolerance.rate);
}

std::string chaos_json(const chaos::Scenario& scenario, const ChaosResult& result,
                       const chaos::Tolerance& tolerance, const std::string& command) {
  std::string out = fmt::format("{{\"verdict\":\"{}\",\"seed\":{},\"length_s\":{:.3f},\"cut_off\":{},",
                                chaos_verdict(result), scenario.seed, seconds(result.length), result.cut_off);
  fmt::format_to(std::back_inserter(out),
                 "\"late_ms_max\":{},\"rate_error_max\":{},\"command\":", milliseconds(tolerance.late),
                 tolerance.rate);
  append_json_string(command, out);
  out += ",\"events\":[" + joined(scenario.events, result.events, event_json) + "],\"proxies\":[" +
         joined(scenario.proxies, result.proxies, proxy_json) + "]}\n";
  return out;
}

}  // namespace weir::tools

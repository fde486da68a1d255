#include <fmt/format.h>

#include "weir/base/json_text.h"
#include "weir/base/units.h"
#include "weir/chaos/scenario_run.h"

namespace weir::chaos {
namespace {

double mean_ms(Duration sum, std::uint64_t count) {
  return count == 0 ? 0 : milliseconds(sum) / static_cast<double>(count);
}

std::string counts_text(const FaultCounts& counts) {
  std::string text;
  if (counts.passes > 0) text += fmt::format("  hit {} of {}", counts.hits, counts.passes);
  if (counts.delays > 0) {
    text += fmt::format("  delayed {:.3f} ms, asked {:.3f} ms", mean_ms(counts.delay_achieved, counts.delays),
                        mean_ms(counts.delay_asked, counts.delays));
  }
  if (counts.bytes > 0) text += fmt::format("  {}", weir::to_string(Bytes{counts.bytes}));
  if (counts.tasks > 0) text += fmt::format("  {} tasks", counts.tasks);
  return text;
}

void append_seconds(std::string_view name, const std::optional<Duration>& time, std::string& out) {
  if (time) out += fmt::format(",\"{}\":{:.6f}", name, seconds(*time));
}

void append_text(std::string_view name, std::string_view text, std::string& out) {
  out += fmt::format(",\"{}\":", name);
  append_json_string(text, out);
}

void append_event(const EventRecord& record, std::string& out) {
  const Event& event = *record.event;
  out += "{\"fault\":";
  append_json_string(fault_name(event.fault), out);
  if (!event.target.empty()) {
    append_text(event.target_kind == TargetKind::proxy ? "on" : "point", event.target, out);
  }
  append_seconds("asked_from_s", event.at, out);
  append_seconds("asked_until_s", event.end(), out);
  append_seconds("from_s", record.from, out);
  append_seconds("until_s", record.until, out);
  const FaultCounts& counts = record.counts;
  out += fmt::format(
      ",\"passes\":{},\"hits\":{},\"delays\":{},\"delay_asked_ms\":{:.6f},\"delay_ms\":{:.6f},"
      "\"bytes\":{},\"tasks\":{}",
      counts.passes, counts.hits, counts.delays, mean_ms(counts.delay_asked, counts.delays),
      mean_ms(counts.delay_achieved, counts.delays), counts.bytes, counts.tasks);
  if (record.error) append_text("error", record.error->message(), out);
  out += "}";
}

}  // namespace

std::string record_text(const ScenarioRecord& record) {
  std::string text;
  for (const EventRecord& event : record.events) {
    text += "  ";
    if (event.from && event.until) {
      text += fmt::format("{:9.3f}s to {:9.3f}s", seconds(*event.from), seconds(*event.until));
    } else {
      text += fmt::format("{:24}", "not put in");
    }
    text += fmt::format("  {}{}", describe(*event.event), counts_text(event.counts));
    if (event.error) text += "  " + event.error->message();
    text += '\n';
  }
  return text;
}

std::string record_json(const ScenarioRecord& record) {
  std::string out = fmt::format("{{\"length_s\":{:.6f},\"events\":[", seconds(record.length));
  for (std::size_t i = 0; i < record.events.size(); ++i) {
    if (i > 0) out += ",";
    append_event(record.events[i], out);
  }
  out += "]";
  if (record.error) append_text("error", record.error->message(), out);
  return out + "}\n";
}

}  // namespace weir::chaos

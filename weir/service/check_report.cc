#include "weir/service/check_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "weir/base/json_text.h"

namespace weir::service {
namespace {

// A bound as one line of the summary.
struct Row {
  std::string name;
  std::string shown;  // the name, for people
  std::uint32_t limit;
  QueueConfig queue;
  std::string_view because;
};

std::vector<Row> rows_of(const GatewayConfig& config) {
  std::vector<Row> rows;
  rows.push_back(
      {"inflight", "inflight", config.inflight.limit, config.inflight.queue, config.inflight.because});
  if (config.tenant) {
    const auto& tenant = *config.tenant;
    rows.push_back(
        {"tenant", fmt::format("tenant, by {}", tenant.header), tenant.inflight, {}, tenant.because});
  }
  for (const UpstreamConfig& upstream : config.upstreams) {
    const std::string name = fmt::format("upstream {}", upstream.name);
    rows.push_back({name, name, upstream.inflight, {}, upstream.because});
  }
  return rows;
}

std::string queue_text(const QueueConfig& queue) {
  return queue.depth == 0 ? "none" : fmt::format("{} for {}", queue.depth, weir::to_string(queue.wait));
}

std::string bounds_table(const std::vector<Row>& rows) {
  std::size_t name_width = 5, queue_width = 5;
  for (const Row& row : rows) {
    name_width = std::max(name_width, row.shown.size());
    queue_width = std::max(queue_width, queue_text(row.queue).size());
  }
  std::string out = fmt::format("  {:{}}  {:>7}  {:{}}  {}\n", "bound", name_width, "limit", "queue",
                                queue_width, "because");
  for (const Row& row : rows) {
    out += fmt::format("  {:{}}  {:>7}  {:{}}  {}\n", row.shown, name_width, row.limit, queue_text(row.queue),
                       queue_width, row.because.empty() ? "-" : row.because);
  }
  return out;
}

std::string summary(const GatewayConfig& config) {
  std::string out = fmt::format("  {} listens on {}, admin on {}\n\n", config.service, config.listen.text(),
                                config.admin.text());
  out += bounds_table(rows_of(config));
  out += '\n';
  for (const RouteConfig& route : config.routes) {
    if (!route.split.empty()) {
      out += fmt::format("  {} -> {}\n", route.text(), route.to());
      continue;
    }
    const UpstreamConfig* upstream = config.find_upstream(route.upstream);
    std::string targets = upstream->targets.front().url.text();
    if (upstream->targets.size() > 1) targets += fmt::format(" and {} more", upstream->targets.size() - 1);
    out += fmt::format("  {} -> {}, {}, timeout {}\n", route.text(), upstream->name, targets,
                       weir::to_string(upstream->timeout));
  }
  return out;
}

std::string count_text(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string verdict(const std::string& file, const Diagnostics& findings, bool ok, Colour colour) {
  const std::array<std::string_view, 2> paint =
      colour == Colour::no ? std::array<std::string_view, 2>{"", ""}
                           : std::array<std::string_view, 2>{ok ? "\x1b[1;32m" : "\x1b[1;31m", "\x1b[0m"};
  std::string out = fmt::format("{}: {}", file, paint[0]);
  out += ok ? "ok" : count_text(findings.errors(), "error");
  out += paint[1];
  if (findings.warnings() > 0) out += ", " + count_text(findings.warnings(), "warning");
  return out + '\n';
}

void append_field(std::string_view name, std::string_view text, std::string& out) {
  out += fmt::format(", \"{}\": ", name);
  append_json_string(text, out);
}

void append_findings(std::string_view name, const Diagnostics& findings, Severity severity,
                     std::string& out) {
  out += fmt::format(", \"{}\": [", name);
  bool first = true;
  for (const Diagnostic& item : findings.items()) {
    if (item.severity != severity) continue;
    out += first ? "{\"file\": " : ", {\"file\": ";
    first = false;
    append_json_string(findings.file(item.place), out);
    out += fmt::format(", \"line\": {}, \"column\": {}", item.place.line, item.place.column);
    append_field("severity", to_string(severity), out);
    append_field("message", item.fault.message, out);
    append_field("hint", item.fault.hint, out);
    out += '}';
  }
  out += ']';
}

void append_bounds(const GatewayConfig& config, std::string& out) {
  out += ", \"bounds\": [";
  bool first = true;
  for (const Row& row : rows_of(config)) {
    out += first ? "{\"name\": " : ", {\"name\": ";
    first = false;
    append_json_string(row.name, out);
    const double wait_ms =
        row.queue.depth == 0 ? 0 : std::chrono::duration<double, std::milli>(row.queue.wait).count();
    out += fmt::format(", \"limit\": {}, \"queue_depth\": {}, \"queue_wait_ms\": {}", row.limit,
                       row.queue.depth, wait_ms);
    append_field("because", row.because, out);
    out += '}';
  }
  out += ']';
}

}  // namespace

std::string check_report(const std::string& file, const Parsed& parsed, Colour colour) {
  const Diagnostics& findings = parsed ? parsed->warnings : parsed.error();
  std::string out = findings.text(colour);
  if (!out.empty()) out += '\n';
  if (parsed) out += summary(parsed->config) + '\n';
  return out + verdict(file, findings, parsed.has_value(), colour);
}

std::string check_json(const std::string& file, const Parsed& parsed) {
  const Diagnostics& findings = parsed ? parsed->warnings : parsed.error();
  std::string out = "{\"file\": ";
  append_json_string(file, out);
  out += fmt::format(", \"ok\": {}", parsed.has_value());
  append_findings("errors", findings, Severity::error, out);
  append_findings("warnings", findings, Severity::warning, out);
  if (parsed) append_bounds(parsed->config, out);
  return out + "}\n";
}

}  // namespace weir::service

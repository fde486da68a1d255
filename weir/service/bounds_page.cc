#include "weir/service/bounds_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "weir/base/json_text.h"
#include "weir/service/html_page.h"

namespace weir::service {
namespace {

void append_member(std::string_view name, std::string_view value, std::string& out) {
  out.append("\"").append(name).append("\":");
  append_json_string(value, out);
}

void append_refused_json(const bounds::Row& row, std::string& out) {
  out += "\"refused\":{";
  std::string_view separator;
  for (const auto& [reason, count] : row.refused) {
    out.append(separator);
    append_json_string(reason, out);
    fmt::format_to(std::back_inserter(out), ":{}", count);
    separator = ",";
  }
  out += "}";
}

void append_keys_json(const bounds::Row& row, std::string& out) {
  fmt::format_to(std::back_inserter(out), ",\"keys\":{},\"keys_max\":{},\"top\":[", row.keys, row.keys_max);
  std::string_view separator;
  for (const bounds::KeyUse& use : row.top) {
    out.append(separator).append("{");
    append_member("key", use.key, out);
    fmt::format_to(std::back_inserter(out), ",\"in_use\":{},\"peak\":{},\"refused\":{}}}", use.in_use,
                   use.peak, use.refused);
    separator = ",";
  }
  out += "]";
}

std::optional<Bytes> measured_of(const bounds::Row& row, const MeasuredEach& measured) {
  const auto found = measured.find(row.name);
  return found == measured.end() ? std::nullopt : std::optional(found->second);
}

void append_row_json(const bounds::Row& row, const MeasuredEach& measured, std::string& out) {
  out += "{";
  append_member("name", row.name, out);
  out += ",";
  append_member("unit", bounds::to_string(row.unit), out);
  fmt::format_to(
      std::back_inserter(out),
      ",\"limit\":{},\"in_use\":{},\"peak\":{},\"queue\":{{\"depth\":{},\"limit\":{}}},\"admitted\":{},",
      row.limit, row.in_use, row.peak, row.queue_depth, row.queue_limit, row.admitted);
  append_refused_json(row, out);
  fmt::format_to(std::back_inserter(out), ",\"refused_total\":{},", row.refused_total());
  append_member("because", row.because, out);
  if (!row.derived_from.empty()) append_member("derived_from", row.derived_from, out += ",");
  if (!row.parent.empty()) append_member("parent", row.parent, out += ",");
  if (row.each.count > 0) fmt::format_to(std::back_inserter(out), ",\"each_bytes\":{}", row.each.count);
  if (const auto frames = measured_of(row, measured))
    fmt::format_to(std::back_inserter(out), ",\"frame_bytes\":{}", frames->count);
  if (row.keys_max > 0) append_keys_json(row, out);
  out += "}";
}

std::string refused_cell(const bounds::Row& row) {
  std::string cell = fmt::format("{}", row.refused_total());
  std::string reasons;
  for (const auto& [reason, count] : row.refused) {
    if (count > 0)
      fmt::format_to(std::back_inserter(reasons), "{}{} {}", reasons.empty() ? "" : ", ", reason, count);
  }
  if (!reasons.empty()) cell.append("<small>").append(reasons).append("</small>");
  return cell;
}

// What one unit may take, and below it what its frames did.
std::string each_cell(const bounds::Row& row, const MeasuredEach& measured) {
  std::string cell = row.each.count > 0 ? to_string(row.each) : "not declared";
  if (const auto frames = measured_of(row, measured))
    cell.append("<small>frames ").append(to_string(*frames)).append("</small>");
  return cell;
}

void append_row_html(const bounds::Row& row, const MeasuredEach& measured, std::string& out) {
  const double share = row.limit == 0 ? 0 : static_cast<double>(row.in_use) / static_cast<double>(row.limit);
  const bool keyed = row.keys_max > 0;
  out += "<tr><th scope=\"row\">";
  append_html_text(row.name, out);
  if (!row.parent.empty()) append_html_text(row.parent, out += "<small>under ");
  if (!row.parent.empty()) out += "</small>";
  out += "</th><td class=\"number\">";
  fmt::format_to(std::back_inserter(out), "{}<small>{}{}</small></td><td class=\"number\">{}", row.limit,
                 bounds::to_string(row.unit), keyed ? " for each key" : "", row.in_use);
  if (keyed) {
    fmt::format_to(std::back_inserter(out), "<small>{} of {} keys</small>", row.keys, row.keys_max);
  } else {
    fmt::format_to(std::back_inserter(out),
                   "<meter min=\"0\" max=\"1\" high=\"0.8\" optimum=\"0\" value=\"{:.3f}\"></meter>",
                   std::min(share, 1.0));
  }
  fmt::format_to(std::back_inserter(out), "</td><td class=\"number\">{}</td><td class=\"number\">", row.peak);
  if (row.queue_limit > 0) {
    fmt::format_to(std::back_inserter(out), "{} of {}", row.queue_depth, row.queue_limit);
  } else {
    out += "none";
  }
  fmt::format_to(
      std::back_inserter(out),
      "</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td>",
      row.admitted, refused_cell(row), each_cell(row, measured));
  append_html_text(row.because.empty() ? "nobody said" : row.because, out);
  if (!row.derived_from.empty()) append_html_text(row.derived_from, out += "<small>from ");
  if (!row.derived_from.empty()) out += "</small>";
  out += "</td></tr>\n";
}

}  // namespace

std::string bounds_json(std::string_view service, std::span<const bounds::Row> rows,
                        const MeasuredEach& measured) {
  std::string out = "{";
  append_member("service", service, out);
  out += ",\"bounds\":[";
  std::string_view separator;
  for (const bounds::Row& row : rows) {
    out += separator;
    append_row_json(row, measured, out);
    separator = ",";
  }
  out += "]}\n";
  return out;
}

std::string bounds_html(std::string_view service, std::span<const bounds::Row> rows, std::string_view notice,
                        const MeasuredEach& measured) {
  std::string body =
      "<div class=\"wide\"><table><thead><tr><th scope=\"col\">bound</th><th scope=\"col\">limit</th>"
      "<th scope=\"col\">in use</th><th scope=\"col\">peak</th><th scope=\"col\">queue</th>"
      "<th scope=\"col\">admitted</th><th scope=\"col\">refused</th><th "
      "scope=\"col\">each</th><th "
      "scope=\"col\">because</th></tr></thead>\n"
      "<tbody>\n";
  for (const bounds::Row& row : rows) append_row_html(row, measured, body);
  body += "</tbody></table></div>\n";
  return html_page({.service = service, .title = "Bounds", .reload = 2s, .notice = notice}, body);
}

void expose_bounds(std::span<const bounds::Row> rows, observe::Exposition& page) {
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  for (const bounds::Row& row : rows) {
    const observe::Labels labels{{"bound", row.name}};
    // By the names that dashboards of semaphores know.
    page.gauge("semaphore_holders", "Units held; weir_bound_in_use by another name.",
               {{"semaphore", row.name}}, number(row.in_use));
    page.gauge("semaphore_waiters", "Tasks that wait; weir_bound_queue_depth by another name.",
               {{"semaphore", row.name}}, number(row.queue_depth));
    page.gauge("weir_bound_limit", "Units that may be held at once.", labels, number(row.limit));
    page.gauge("weir_bound_in_use", "Units held.", labels, number(row.in_use));
    page.gauge("weir_bound_peak", "Most units held at once since the start.", labels, number(row.peak));
    page.gauge("weir_bound_queue_depth", "Tasks that wait.", labels, number(row.queue_depth));
    page.gauge("weir_bound_queue_limit", "Tasks that may wait.", labels, number(row.queue_limit));
    page.counter("weir_bound_admitted_total", "Permits given.", labels, number(row.admitted));
    for (const auto& [reason, count] : row.refused) {
      page.counter("weir_bound_refused_total", "Requests for a permit that were refused.",
                   {{"bound", row.name}, {"reason", std::string(reason)}}, number(count));
    }
    if (row.keys_max > 0) page.gauge("weir_bound_keys", "Keys remembered.", labels, number(row.keys));
  }
}

}  // namespace weir::service

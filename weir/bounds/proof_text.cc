// A proof as text: its table, the two ways to say that it fails, and JSON.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "weir/base/json_text.h"
#include "weir/bounds/proof.h"

namespace weir::bounds {
namespace {

using Cells = std::array<std::string, 6>;

std::string amount(Resource resource, std::uint64_t count) {
  return resource == Resource::memory ? to_string(Bytes{count}) : std::to_string(count);
}

std::string percent(const Proof::Part& part) {
  if (!part.available) return "?";
  if (std::isinf(part.share())) return "all";
  return fmt::format("{:.1f}%", part.share() * 100);
}

// Two columns of text, then numbers, and a last one that is not padded.
std::string aligned(const std::vector<Cells>& rows) {
  std::array<std::size_t, std::tuple_size_v<Cells>> widths{};
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Cells& row : rows) {
    std::string line = fmt::format("{:<{}}", row[0], widths[0]);
    for (std::size_t i = 1; i + 1 < row.size(); ++i) line += fmt::format("  {:>{}}", row[i], widths[i]);
    line += "  " + row.back();
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

void append_part(const Proof::Part& part, std::vector<Cells>& rows) {
  const auto show = [&part](std::uint64_t count) { return amount(part.resource, count); };
  rows.push_back({part.name(), "", show(part.demanded), part.available ? show(*part.available) : "unknown",
                  percent(part), part.fits() ? "" : "DOES NOT FIT"});
  for (const Proof::Line& line : part.lines) {
    std::string what = line.units == 0 ? "" : fmt::format("{} x {}", line.units, show(line.each));
    if (line.queued > 0) what += (what.empty() ? "" : ", ") + ("queue " + show(line.queued));
    if (line.own > 0 && !line.fixed) what += (what.empty() ? "" : ", ") + ("own " + show(line.own));
    if (line.fixed) what = "fixed";
    const std::string under = line.under.empty() ? "" : "under " + line.under;
    rows.push_back(
        {"  " + line.name, what, show(line.total), "", "",
         under.empty() || line.because.empty() ? under + line.because : under + ": " + line.because});
  }
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void append_shrinks(const Proof::Part& part, std::string& text) {
  for (const Proof::Shrink& shrink : part.shrinks) {
    fmt::format_to(std::back_inserter(text), "    {} {} {}, takes {}: ", shrink.name,
                   shrink.queue ? "queue_depth" : "limit", shrink.from, amount(part.resource, shrink.takes));
    if (shrink.alone != 0) {
      fmt::format_to(std::back_inserter(text), "{} would be enough alone", shrink.alone);
    } else {
      text += "not enough alone";
    }
    const bool several = part.shrinks.size() > 1;
    if (several && shrink.together != 0)
      fmt::format_to(std::back_inserter(text), ", {} together with the others here", shrink.together);
    if (!shrink.with.empty()) text += "; what stands under it comes down with it: " + joined(shrink.with);
    text += "\n";
  }
}

void append_failures(const Proof& proof, std::string& text) {
  for (const Proof::Part& part : proof.parts) {
    if (part.fits()) continue;
    fmt::format_to(std::back_inserter(text), "  {}: at worst {}, there is {} ({})\n", part.name(),
                   amount(part.resource, part.demanded), amount(part.resource, *part.available),
                   part.available_from);
    if (part.fixed > *part.available) {
      fmt::format_to(std::back_inserter(text), "    fixed costs alone are {}: no limit makes up for that\n",
                     amount(part.resource, part.fixed));
    }
    append_shrinks(part, text);
  }
}

void append_line_json(const Proof::Line& line, std::string& out) {
  out += "{\"name\":";
  append_json_string(line.name, out);
  fmt::format_to(std::back_inserter(out),
                 ",\"fixed\":{},\"units\":{},\"each\":{},\"held\":{},\"queued\":{},\"own\":{},\"total\":{}",
                 line.fixed, line.units, line.each, line.held, line.queued, line.own, line.total);
  if (!line.under.empty()) append_json_string(line.under, out += ",\"under\":");
  append_json_string(line.because, out += ",\"because\":");
  out += "}";
}

void append_names_json(const std::vector<std::string>& names, std::string& out) {
  out += "[";
  for (std::size_t i = 0; i < names.size(); ++i) append_json_string(names[i], i == 0 ? out : out += ",");
  out += "]";
}

void append_shrink_json(const Proof::Shrink& shrink, std::string& out) {
  out += "{\"name\":";
  append_json_string(shrink.name, out);
  fmt::format_to(std::back_inserter(out),
                 ",\"what\":\"{}\",\"from\":{},\"alone\":{},\"together\":{},\"takes\":{},\"with\":",
                 shrink.queue ? "queue_depth" : "limit", shrink.from, shrink.alone, shrink.together,
                 shrink.takes);
  append_names_json(shrink.with, out);
  out += "}";
}

void append_part_json(const Proof::Part& part, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{{\"resource\":\"{}\"", to_string(part.resource));
  if (!part.peer.empty()) append_json_string(part.peer, out += ",\"peer\":");
  fmt::format_to(std::back_inserter(out), ",\"demanded\":{},\"available\":{},\"fixed\":{},\"fits\":{}",
                 part.demanded, part.available ? std::to_string(*part.available) : "null", part.fixed,
                 part.fits());
  append_json_string(part.available_from, out += ",\"available_from\":");
  out += ",\"lines\":[";
  for (std::size_t i = 0; i < part.lines.size(); ++i)
    append_line_json(part.lines[i], i == 0 ? out : out += ",");
  out += "],\"shrink\":[";
  for (std::size_t i = 0; i < part.shrinks.size(); ++i)
    append_shrink_json(part.shrinks[i], i == 0 ? out : out += ",");
  out += "]}";
}

}  // namespace

std::string Proof::table() const {
  std::vector<Cells> rows{{"at worst", "", "demanded", "available", "share", ""}};
  for (const Part& part : parts) append_part(part, rows);
  std::string text = aligned(rows);
  if (!undeclared.empty()) text += "not declared, counted as nothing: memory of " + joined(undeclared) + "\n";
  return text;
}

std::string Proof::refusal(std::string_view what) const {
  if (fits()) return {};
  std::string text = fmt::format("{}: the bounds allow more than there is\n", what);
  append_failures(*this, text);
  return text + "  Lower what is named, or give the process more.\n";
}

std::string Proof::warning(std::string_view what) const {
  if (fits()) return {};
  std::string text = "WARNING: the bounds allow more than there is; under full load this process will fail\n";
  append_failures(*this, text);
  return text + fmt::format("  {} all the same, as it was told to.\n", what);
}

std::string Proof::json() const {
  std::string out = fmt::format("{{\"fits\":{},\"resources\":[", fits());
  for (std::size_t i = 0; i < parts.size(); ++i) append_part_json(parts[i], i == 0 ? out : out += ",");
  out += "],\"undeclared\":";
  append_names_json(undeclared, out);
  return out + "}";
}

}  // namespace weir::bounds

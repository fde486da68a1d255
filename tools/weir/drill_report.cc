#include "tools/weir/drill_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "tools/weir/numbers.h"
#include "weir/base/json_text.h"
#include "weir/load/load_record.h"

namespace weir::tools {

using load::DrillCheck;
using load::DrillResult;
using load::KneeSearch;
using load::LoadResult;

namespace {

std::string_view verdict_of(const DrillCheck& check) {
  if (check.inconclusive) return "inconclusive";
  return check.passed ? "pass" : "FAIL";
}

std::string_view verdict_of(const DrillResult& result) {
  if (result.interrupted) return "interrupted";
  if (std::ranges::any_of(result.checks,
                          [](const DrillCheck& check) { return !check.passed && !check.inconclusive; })) {
    return "fail";
  }
  return result.inconclusive() ? "inconclusive" : "pass";
}

std::string curve_table(const DrillResult& result) {
  if (result.curve.empty()) return "";
  std::string text = fmt::format("{:>12}{:>12}{:>10}{:>12}{:>12}{:>12}\n", "rate", "good/s", "good", "p50",
                                 "p99", "at once");
  std::vector<KneeSearch::Measured> sorted = result.curve;
  std::ranges::sort(sorted, {}, [](const KneeSearch::Measured& each) { return each.probe.rate; });
  for (const auto& [probe, outcome, kept] : sorted) {
    text += fmt::format("{:>12.1f}{:>12.1f}{:>9.2f}%{:>12}{:>12}{:>12.1f}  {}{}\n", probe.rate,
                        outcome.good_per_s, 100 * outcome.good_share, short_time(outcome.p50),
                        short_time(outcome.p99), outcome.concurrency,
                        kept                ? "kept"
                        : outcome.plan_held ? "too much"
                                            : "not sent on time",
                        probe.confirms ? ", held for longer" : "");
  }
  return text;
}

std::string law_text(const DrillResult& result) {
  if (!result.law) return "";
  const load::Scalability& law = *result.law;
  std::string text =
      fmt::format("Scalability: one at a time {:.1f}/s, contention {:.4f}, coherence {:.6f} (R2 {:.3f})",
                  law.lambda, law.sigma, law.kappa, law.r_squared);
  if (const auto most = law.most()) text += fmt::format("; at most {:.0f}/s", *most);
  if (const auto best = law.best_concurrency()) text += fmt::format(", with {:.0f} at once", *best);
  return text + "\n";
}

std::string run_json(const DrillVerbOptions& options, const std::optional<LoadResult>& run) {
  if (!run) return "null";
  return to_json(*run, options.drill.load.mix.groups(), load::Detail::summary);
}

std::string escaped(std::string_view text) {
  std::string xml;
  append_html_text(text, xml);
  return xml;
}

}  // namespace

std::string drill_table(const DrillVerbOptions& options, const DrillResult& result) {
  std::string text = fmt::format("{}: p99 at most {}, at least {:.2f}% good\n\n", options.url,
                                 to_string(options.drill.search.objective.p99),
                                 100 * options.drill.search.objective.good_share);
  text += curve_table(result);
  text += law_text(result);
  if (!result.curve.empty()) text += "\n";
  for (const DrillCheck& check : result.checks) {
    text += fmt::format("{:14}{:40}{}\n", verdict_of(check), check.name, check.finding);
  }
  if (result.interrupted) text += "Interrupted: checks that are not here were not made.\n";
  return text;
}

std::string drill_json(const DrillVerbOptions& options, const DrillResult& result) {
  std::string text = fmt::format(R"({{"format":1,"url":{},"command":{},"verdict":"{}","knee_per_s":)",
                                 json_string(options.url), json_string(options.command), verdict_of(result));
  text += result.knee ? fmt::format("{:.3f}", *result.knee) : "null";
  text += R"(,"curve":[)";
  std::string_view comma;
  for (const auto& [probe, outcome, kept] : result.curve) {
    text += fmt::format(
        R"({}{{"rate":{:.3f},"length_s":{:.3f},"confirms":{},"kept":{},"plan_held":{},"good_per_s":{:.3f},"good_share":{:.6f},)"
        R"("p50_ms":{:.4f},"p99_ms":{:.4f},"concurrency":{:.3f}}})",
        comma, probe.rate, seconds(probe.length), probe.confirms, kept, outcome.plan_held, outcome.good_per_s,
        outcome.good_share, milliseconds(outcome.p50), milliseconds(outcome.p99), outcome.concurrency);
    comma = ",";
  }
  text += R"(],"scalability":)";
  if (result.law) {
    text += fmt::format(R"({{"lambda":{:.4f},"sigma":{:.6f},"kappa":{:.8f},"r_squared":{:.4f}}})",
                        result.law->lambda, result.law->sigma, result.law->kappa, result.law->r_squared);
  } else {
    text += "null";
  }
  text += R"(,"checks":[)";
  comma = "";
  for (const DrillCheck& check : result.checks) {
    text += fmt::format(R"({}{{"name":{},"verdict":"{}","finding":{}}})", comma, json_string(check.name),
                        check.passed         ? "pass"
                        : check.inconclusive ? "inconclusive"
                                             : "fail",
                        json_string(check.finding));
    comma = ",";
  }
  text += R"(],"recovery_s":)";
  text += result.recovery ? fmt::format("{:.3f}", seconds(*result.recovery)) : "null";
  text += fmt::format(R"(,"overload":{},"surge":{},"chaos":{})", run_json(options, result.overload),
                      run_json(options, result.surge), run_json(options, result.chaos));
  if (result.chaos) {
    const auto [from, to] = result.disturbed;
    text += fmt::format(R"(,"disturbed_s":[{:.3f},{:.3f}])", seconds(from), seconds(to));
  }
  return text + "}\n";
}

std::string drill_junit(const DrillVerbOptions& options, const DrillResult& result) {
  const auto failures = std::ranges::count_if(
      result.checks, [](const DrillCheck& check) { return !check.passed && !check.inconclusive; });
  const auto skipped = std::ranges::count_if(result.checks, &DrillCheck::inconclusive);
  std::string text = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuite name=\"weir drill {}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
      escaped(options.url), result.checks.size(), failures, skipped);
  for (const DrillCheck& check : result.checks) {
    text += fmt::format("  <testcase classname=\"weir.drill\" name=\"{}\">\n", escaped(check.name));
    if (check.inconclusive) {
      text += fmt::format("    <skipped message=\"inconclusive: {}\"/>\n", escaped(check.finding));
    } else if (!check.passed) {
      text += fmt::format("    <failure message=\"{}\"/>\n", escaped(check.finding));
    }
    text += fmt::format("    <system-out>{}</system-out>\n  </testcase>\n", escaped(check.finding));
  }
  return text + "</testsuite>\n";
}

}  // namespace weir::tools

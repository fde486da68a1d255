#include "tools/weir/hold_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/weir/numbers.h"

namespace weir::tools {

using load::HoldOptions;
using load::HoldPhase;
using load::HoldProgress;
using load::HoldResult;

namespace {

std::string line(std::string_view label, const std::string& text) {
  return fmt::format("{:26}{:>20}\n", label, text);
}

// "2 h 5 min", "3 min 20 s", "12 s".
std::string rough(Duration duration) {
  const auto all = static_cast<std::uint64_t>(std::llround(seconds(duration)));
  if (all >= 3600) return fmt::format("{} h {} min", with_commas(all / 3600), all / 60 % 60);
  if (all >= 60) return fmt::format("{} min {} s", all / 60, all % 60);
  return fmt::format("{} s", all);
}

std::string amount(HoldPhase phase, std::uint64_t count) {
  return phase == HoldPhase::touching ? to_string(Bytes{count}) : with_commas(count);
}

std::string failures_text(const HoldResult& result) {
  std::string text;
  for (std::size_t i = 0; i < result.failures.size(); ++i) {
    if (result.failures[i] == 0) continue;
    const auto reason = static_cast<Reason>(i);
    const std::string_view name =
        reason == Reason::system ? "out of descriptors, ports or memory" : to_string(reason);
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", with_commas(result.failures[i]), name);
  }
  return text;
}

std::string remarks(const HoldOptions& options, const HoldResult& result) {
  std::string text;
  if (result.interrupted) text += "Interrupted; measured until then.\n";
  if (result.stopped_by_cap) {
    text += fmt::format(
        "Stopped after {} tasks: at {} each they had filled the memory cap of {}. Without a cap it would "
        "have gone on until the kernel killed it.\n",
        with_commas(result.started), to_string(Bytes{static_cast<std::uint64_t>(result.bytes_per_task())}),
        to_string(result.memory_cap));
  }
  if (result.failed > 0) {
    text += fmt::format("Failed, by reason: {}.{}\n", failures_text(result),
                        options.unbounded ? " A bound in flight (without --unbounded) prevents these." : "");
  }
  if (!options.calls && !result.interrupted && !result.stopped_by_cap && result.held_peak < result.tasks) {
    text += fmt::format("The first had ended before the last was started: {} were held at once.\n",
                        with_commas(result.held_peak));
  }
  return text;
}

}  // namespace

std::string hold_progress_line(const HoldProgress& progress) {
  std::string text =
      fmt::format("{:8} {:4.0f} s  {:>11} of {:>11}", to_string(progress.phase), seconds(progress.elapsed),
                  amount(progress.phase, progress.done), amount(progress.phase, progress.total));
  if (progress.phase != HoldPhase::waiting) {
    const auto rate = static_cast<std::uint64_t>(std::max(progress.rate_per_s, 0.0));
    text += fmt::format("  {:>10}/s", amount(progress.phase, rate));
  }
  text +=
      fmt::format("  waiting {:>11}  memory {:>9}", with_commas(progress.waiting), to_string(progress.rss));
  if (progress.left) text += fmt::format("  {} left", rough(*progress.left));
  return text;
}

std::string hold_bound_text(const HoldOptions& options) {
  const load::InflightBound& bound = options.bound;
  const std::uint64_t inflight = options.inflight == 0 ? bound.least() : options.inflight;
  const double rounds = std::ceil(static_cast<double>(options.tasks) / static_cast<double>(inflight));
  const double all_s = std::min(rounds * seconds(options.wait), 9e9);
  std::string text = bound.text();
  text += options.inflight == 0
              ? fmt::format("At most {} calls in flight, by {}", with_commas(inflight), bound.narrowest())
              : fmt::format("At most {} calls in flight, as asked ({} would be possible, by {})",
                            with_commas(inflight), with_commas(bound.least()), bound.narrowest());
  if (options.shed) return text + "; what comes while they are is refused.\n";
  return text + fmt::format(": {} calls of {} take about {}.\n", with_commas(options.tasks),
                            to_string(options.wait),
                            rough(Duration(static_cast<Duration::rep>(all_s * 1e9))));
}

std::string hold_table(const HoldOptions& options, const HoldResult& result) {
  std::string text = line("tasks", with_commas(result.tasks));
  text += line("each waits", to_string(options.wait));
  text += line("started", with_commas(result.started));
  text += line("completed", with_commas(result.completed));
  text += line("refused", with_commas(result.refused));
  if (options.calls) text += line("failed", with_commas(result.failed));
  text += line("held at once, peak", with_commas(result.held_peak));
  if (result.inflight != 0) {
    text += line("in flight at most", with_commas(result.inflight));
    if (options.inflight == 0) text += line("limited by", std::string(options.bound.narrowest()));
  }
  text += line("bytes a task", fmt::format("{:.1f}", result.bytes_per_task()));
  text += line("memory before", to_string(result.rss_base));
  text += line("peak memory", to_string(result.rss_peak));
  text += line("memory cap", to_string(result.memory_cap));
  text += line("starting them took", fmt::format("{:.2f} s", seconds(result.spawn)));
  if (result.touch > Duration::zero()) {
    text += line("first touch took",
                 fmt::format("{:.2f} s for {}", seconds(result.touch), to_string(result.touched)));
    text += line("starting / touching", fmt::format("{:.2f}", result.spawn_to_touch()));
  }
  text += line("took", fmt::format("{:.2f} s", seconds(result.total)));
  const std::string notes = remarks(options, result);
  return notes.empty() ? text : text + "\n" + notes;
}

std::string hold_json(const HoldOptions& options, const HoldResult& result) {
  std::string text = fmt::format(
      R"({{"mode":"{}","tasks":{},"wait_s":{:.3f},"started":{},"completed":{},"refused":{},"failed":{},)"
      R"("held_peak":{},"bytes_per_task":{:.1f},"rss_bytes_base":{},"rss_bytes_peak":{},)"
      R"("memory_cap_bytes":{},"spawn_s":{:.3f},"total_s":{:.3f},)",
      options.calls ? "calls" : "waits", result.tasks, seconds(options.wait), result.started,
      result.completed, result.refused, result.failed, result.held_peak, result.bytes_per_task(),
      result.rss_base.count, result.rss_peak.count, result.memory_cap.count, seconds(result.spawn),
      seconds(result.total));
  if (options.calls) {
    text += fmt::format(
        R"("inflight":{},"inflight_by_descriptors":{},"inflight_by_ports":{},"inflight_by_memory":{},)"
        R"("inflight_narrowest":"{}",)",
        result.inflight, options.bound.by_descriptors, options.bound.by_ports, options.bound.by_memory,
        options.bound.narrowest());
    text += R"("failures":{)";
    std::string_view comma;
    for (std::size_t i = 0; i < result.failures.size(); ++i) {
      if (result.failures[i] == 0) continue;
      text += fmt::format(R"({}"{}":{})", comma, to_string(static_cast<Reason>(i)), result.failures[i]);
      comma = ",";
    }
    text += "},";
  }
  if (result.touch > Duration::zero()) {
    text += fmt::format(R"("touch_s":{:.3f},"touch_bytes":{},"spawn_to_touch":{:.3f},)",
                        seconds(result.touch), result.touched.count, result.spawn_to_touch());
  }
  return text + fmt::format(R"("unbounded":{},"stopped_by_cap":{},"interrupted":{}}})"
                            "\n",
                            options.unbounded, result.stopped_by_cap, result.interrupted);
}

}  // namespace weir::tools

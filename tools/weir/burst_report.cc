#include "tools/weir/burst_report.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>

#include "tools/weir/numbers.h"

namespace weir::tools {

using load::BurstOptions;
using load::BurstProgress;
using load::BurstResult;

namespace {

std::string rounded(double number) { return with_commas(static_cast<std::uint64_t>(std::llround(number))); }
std::string ms_text(Duration duration) { return fmt::format("{:.1f} ms", milliseconds(duration)); }

std::string_view memory_name(const BurstOptions& options) {
  return options.memory == load::MemorySource::slab ? "slab" : "heap";
}

struct Line {
  const char* label;
  std::function<std::string(const BurstResult&)> text;
};

const std::vector<Line>& lines() {
  static const std::vector<Line> kLines{
      {"submitted a second", [](const BurstResult& run) { return rounded(run.offered_per_s); }},
      {"submitted", [](const BurstResult& run) { return with_commas(run.submitted); }},
      {"completed", [](const BurstResult& run) { return with_commas(run.completed); }},
      {"rejected", [](const BurstResult& run) { return with_commas(run.rejected); }},
      {"expired, of those", [](const BurstResult& run) { return with_commas(run.expired); }},
      {"unfinished", [](const BurstResult& run) { return with_commas(run.unfinished); }},
      {"inside the job, mean", [](const BurstResult& run) { return ms_text(run.job_mean); }},
      {"inside the job, p99", [](const BurstResult& run) { return ms_text(run.job_p99); }},
      {"from submission, mean", [](const BurstResult& run) { return ms_text(run.total_mean); }},
      {"from submission, p50", [](const BurstResult& run) { return ms_text(run.total_p50); }},
      {"from submission, p99", [](const BurstResult& run) { return ms_text(run.total_p99); }},
      {"peak memory", [](const BurstResult& run) { return to_string(run.rss_peak); }},
      {"declared bound", [](const BurstResult& run) { return to_string(run.memory_bound); }},
      {"declared / peak",
       [](const BurstResult& run) { return fmt::format("{:.2f}", run.declared_to_peak()); }},
      {"at least, by Little", [](const BurstResult& run) { return to_string(run.memory_floor); }},
      {"limit, min to max",
       [](const BurstResult& run) {
         return run.limit_max == 0 ? std::string("-") : fmt::format("{}..{}", run.limit_min, run.limit_max);
       }},
      {"tasks at once, peak", [](const BurstResult& run) { return with_commas(run.tasks_peak); }},
      {"generator late, p99", [](const BurstResult& run) { return ms_text(run.lag_p99); }},
      {"generator late, max", [](const BurstResult& run) { return ms_text(run.lag_max); }},
      {"took", [](const BurstResult& run) { return fmt::format("{:.2f} s", seconds(run.length)); }},
      {"stopped at the memory cap", [](const BurstResult& run) { return run.stopped_by_cap ? "yes" : "no"; }},
  };
  return kLines;
}

std::string remarks(const BurstOptions& options, const BurstResult& run) {
  const std::string_view name = to_string(run.mode);
  std::string text;
  if (run.interrupted) text += fmt::format("{}: interrupted; measured until then.\n", name);
  if (run.stopped_by_cap) {
    text += fmt::format(
        "{}: stopped after {:.0f} ms of submissions: {} tasks of {} are what {} of memory hold. "
        "Without a cap it would have gone on until the kernel killed it.\n",
        name, 1000.0 * static_cast<double>(run.submitted) / std::max(run.offered_per_s, 1.0),
        with_commas(run.tasks_peak), to_string(options.bytes), to_string(options.memory_cap));
  }
  if (!run.rate_held) {
    text += fmt::format("{}: the generator could not hold {} a second: nothing can be concluded.\n", name,
                        with_commas(options.rate_per_s));
  }
  if (!run.within_bound()) text += fmt::format("{}: took more memory than it declared.\n", name);
  return text;
}

}  // namespace

std::string burst_progress_line(const BurstProgress& progress) {
  return fmt::format(
      "{:5} {:4.0f} s  submitted {:>11}  completed {:>10}  rejected {:>11}  in progress {:>6}  "
      "queued {:>7}  memory {:>9}  late {:.1f} ms",
      to_string(progress.mode), seconds(progress.elapsed), with_commas(progress.submitted),
      with_commas(progress.completed), with_commas(progress.rejected), with_commas(progress.tasks),
      with_commas(progress.queued), to_string(progress.rss), milliseconds(progress.lag));
}

std::string burst_table(const BurstOptions& options, const std::vector<BurstResult>& runs) {
  std::string text = fmt::format(
      "{} submissions a second for {}, each a job of {} touched page by page and {} of waiting.\n"
      "pool: {} to {} workers, queue {}. Memory cap {}. Memory from {}.\n\n",
      with_commas(options.rate_per_s), to_string(options.length), to_string(options.bytes),
      to_string(options.wait), with_commas(options.workers_min), with_commas(options.workers_max),
      with_commas(options.queue_capacity), to_string(options.memory_cap), memory_name(options));
  text += fmt::format("{:26}", "");
  for (const BurstResult& run : runs) text += fmt::format("{:>16}", to_string(run.mode));
  text += "\n";
  for (const Line& line : lines()) {
    text += fmt::format("{:26}", line.label);
    for (const BurstResult& run : runs) text += fmt::format("{:>16}", line.text(run));
    text += "\n";
  }
  std::string notes;
  for (const BurstResult& run : runs) notes += remarks(options, run);
  if (!notes.empty()) text += "\n" + notes;
  return text;
}

std::string burst_json(const BurstOptions& options, const std::vector<BurstResult>& runs) {
  std::string text = fmt::format(
      R"({{"rate_per_s":{},"schedule_seconds":{:.3f},"job_bytes":{},"job_wait_ms":{:.3f},"workers_min":{},)"
      R"("workers_max":{},"queue_capacity":{},"memory_cap_bytes":{},"memory":"{}","runs":[)",
      options.rate_per_s, seconds(options.length), options.bytes.count, milliseconds(options.wait),
      options.workers_min, options.workers_max, options.queue_capacity, options.memory_cap.count,
      memory_name(options));
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const BurstResult& run = runs[i];
    if (i != 0) text += ",";
    text += fmt::format(
        R"({{"run":"{}","offered_per_s":{:.0f},"submitted":{},"completed":{},"rejected":{},"unfinished":{},)"
        R"("job_ms_mean":{:.3f},"job_ms_p99":{:.3f},"total_ms_mean":{:.3f},"total_ms_p50":{:.3f},)"
        R"("total_ms_p99":{:.3f},)",
        to_string(run.mode), run.offered_per_s, run.submitted, run.completed, run.rejected, run.unfinished,
        milliseconds(run.job_mean), milliseconds(run.job_p99), milliseconds(run.total_mean),
        milliseconds(run.total_p50), milliseconds(run.total_p99));
    text += fmt::format(
        R"("rss_bytes_base":{},"rss_bytes_peak":{},"memory_bound_bytes":{},"within_bound":{},"tasks_peak":{},)"
        R"("declared_to_peak":{:.3f},"memory_floor_bytes":{},"expired":{},"limit_min":{},"limit_max":{},)"
        R"("limit_last":{},"queue_last":{},"delay_ms_max":{:.3f},)"
        R"("lag_ms_p99":{:.3f},"lag_ms_max":{:.3f},"rate_held":{},"stopped_by_cap":{},"interrupted":{},)"
        R"("seconds":{:.3f}}})",
        run.rss_base.count, run.rss_peak.count, run.memory_bound.count, run.within_bound(), run.tasks_peak,
        run.declared_to_peak(), run.memory_floor.count, run.expired, run.limit_min, run.limit_max,
        run.limit_last, run.queue_last, milliseconds(run.delay_max), milliseconds(run.lag_p99),
        milliseconds(run.lag_max), run.rate_held, run.stopped_by_cap, run.interrupted, seconds(run.length));
  }
  return text + "]}\n";
}

}  // namespace weir::tools

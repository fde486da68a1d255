// What the runtime's operations cost, each with a counter ns_per_op: wall time by
// operations. scripts/bench-compare runs it beside its Go counterpart.
//
// WEIR_PROCS=1 or 2 chooses the processors of those that have no number of their
// own. The peak of memory is the process's: run one at a time to know it.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/harness.h"
#include "weir/base/memory.h"

namespace weir::bench {

unsigned processors(unsigned otherwise) {
  const char* text = std::getenv("WEIR_PROCS");
  const long number = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
  return number >= 1 && number <= 256 ? static_cast<unsigned>(number) : otherwise;
}

void expect(bool holds, const char* complaint) {
  if (!holds) throw std::runtime_error(complaint);
}

namespace {

void measure(benchmark::State& state, const Benchmark& benchmark) {
  reset_resident_peak();
  Duration total{};
  try {
    for (auto _ : state) {
      const Duration took = benchmark.run();
      state.SetIterationTime(std::chrono::duration<double>(took).count());
      total += took;
    }
  } catch (const std::exception& failure) {
    state.SkipWithError(failure.what());
    return;
  }
  const double runs = static_cast<double>(state.iterations());
  const double nanoseconds = static_cast<double>(total.count()) / runs;
  state.counters["ns_per_op"] = nanoseconds / static_cast<double>(benchmark.operations);
  state.counters["seconds"] = nanoseconds / 1e9;
  state.counters["rss_bytes_peak"] = static_cast<double>(resident_peak().count);
}

// Google Benchmark adds to names what it was told about the time: not here.
template <typename Reporter>
class ByName final : public Reporter {
 public:
  void ReportRuns(const std::vector<benchmark::BenchmarkReporter::Run>& runs) override {
    std::vector<benchmark::BenchmarkReporter::Run> named = runs;
    for (auto& run : named) run.run_name.time_type.clear();
    Reporter::ReportRuns(named);
  }
};

// In colour for eyes alone (no-color.org).
class Console : public benchmark::ConsoleReporter {
 public:
  Console() : ConsoleReporter(shows_colour() ? OO_Defaults : OO_None) {}

 private:
  static bool shows_colour() {
    const char* no_color = std::getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0');
  }
};

// The flags that depend on names, or choose a reporter.
struct Flags {
  std::string filter;
  bool list = false;
  bool json = false;
  bool json_file = false;
};

std::optional<std::string_view> value_of(std::string_view word, std::string_view flag) {
  if (!word.starts_with(flag) || word.substr(flag.size()).substr(0, 1) != "=") return std::nullopt;
  return word.substr(flag.size() + 1);
}

// Takes those out of the words that Google Benchmark must not see.
Flags take_flags(std::vector<char*>& words) {
  Flags flags;
  std::erase_if(words, [&](const char* word) {
    if (const auto filter = value_of(word, "--benchmark_filter")) {
      flags.filter = *filter;
      return true;
    }
    if (const auto format = value_of(word, "--benchmark_format")) flags.json = *format == "json";
    if (const auto file = value_of(word, "--benchmark_out")) flags.json_file = !file->empty();
    const std::string_view text = word;
    if (text != "--benchmark_list_tests" && text != "--benchmark_list_tests=true") return false;
    flags.list = true;
    return true;
  });
  return flags;
}

// As Google Benchmark has it: a leading minus means all others, "all" is all.
bool is_chosen(const std::string& name, std::string filter) {
  if (filter.empty() || filter == "all") return true;
  const bool others = filter.front() == '-';
  if (others) filter.erase(0, 1);
  return std::regex_search(name, std::regex(filter, std::regex::extended)) != others;
}

int run_all(std::vector<char*> words) {
  const Flags flags = take_flags(words);
  std::vector<Benchmark> all;
  add_forks(all);
  add_channels(all);
  add_waits(all);
  add_sockets(all);
  std::erase_if(all, [&](const Benchmark& each) { return !is_chosen(each.name, flags.filter); });
  if (flags.list) {
    for (const Benchmark& each : all) std::puts(each.name.c_str());
    return 0;
  }
  auto count = static_cast<int>(words.size());
  words.push_back(nullptr);
  benchmark::Initialize(&count, words.data());
  if (benchmark::ReportUnrecognizedArguments(count, words.data())) return 2;
  for (const Benchmark& each : all) {
    benchmark::RegisterBenchmark(each.name.c_str(),
                                 [&each](benchmark::State& state) { measure(state, each); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  }
  std::unique_ptr<benchmark::BenchmarkReporter> display;
  if (flags.json) {
    display = std::make_unique<ByName<benchmark::JSONReporter>>();
  } else {
    display = std::make_unique<ByName<Console>>();
  }
  ByName<benchmark::JSONReporter> file;
  benchmark::RunSpecifiedBenchmarks(display.get(), flags.json_file ? &file : nullptr);
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace weir::bench

int main(int count, char** words) {
  try {
    return weir::bench::run_all({words, words + count});
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "runtime_bench: %s\n", exception.what());
    return 4;
  }
}

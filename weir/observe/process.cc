#include "weir/observe/process.h"

#include <dirent.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>

namespace weir::observe {
namespace {

std::uint64_t count_descriptors() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  std::uint64_t entries = 0;
  while (readdir(folder) != nullptr) ++entries;
  closedir(folder);
  return entries < 3 ? 0 : entries - 3;  // ".", ".." and the folder itself
}

// Field 22 of /proc/self/stat, in clock ticks since boot; the command name
// before it may hold spaces, so fields are counted from its closing bracket.
double read_start_time() {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::size_t at = name_end;
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  if (at == std::string::npos) return 0;
  const double since_boot =
      std::strtod(text.c_str() + at, nullptr) / static_cast<double>(sysconf(_SC_CLK_TCK));
  timespec wall{};
  timespec boot{};
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_BOOTTIME, &boot);
  const auto seconds = [](const timespec& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
  };
  return seconds(wall) - seconds(boot) + since_boot;
}

}  // namespace

ProcessStats read_process_stats() {
  ProcessStats stats{};
  std::uint64_t pages = 0;
  std::uint64_t resident_pages = 0;
  if (std::ifstream("/proc/self/statm") >> pages >> resident_pages) {
    stats.resident = Bytes{resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))};
  }
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    stats.resident_peak = kibibytes(static_cast<std::uint64_t>(usage.ru_maxrss));
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    stats.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.descriptors_max = limit.rlim_cur;
  stats.descriptors_open = count_descriptors();
  stats.start_time_seconds = read_start_time();
  return stats;
}

void expose(const ProcessStats& stats, Exposition& page) {
  page.counter("process_cpu_seconds_total", "User and system CPU time.", {}, stats.cpu_seconds);
  page.gauge("process_resident_memory_bytes", "Resident memory.", {},
             static_cast<double>(stats.resident.count));
  page.gauge("process_open_fds", "Open descriptors.", {}, static_cast<double>(stats.descriptors_open));
  page.gauge("process_max_fds", "Limit of open descriptors.", {}, static_cast<double>(stats.descriptors_max));
  page.gauge("process_start_time_seconds", "When the process started, since the epoch.", {},
             stats.start_time_seconds);
}

}  // namespace weir::observe

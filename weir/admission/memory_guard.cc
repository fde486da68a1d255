#include "weir/admission/memory_guard.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "weir/admission/internal/held_file.h"
#include "weir/admission/internal/steps.h"
#include "weir/base/check.h"
#include "weir/base/memory.h"
#include "weir/core/sleep.h"

namespace weir::admission {
namespace {

using internal::HeldFile;
using internal::leading_number;
using internal::number_behind;

// Deeper than groups are nested.
constexpr std::size_t kGroupsMax = 32;
constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

struct Use {
  std::uint64_t used = 0;
  std::uint64_t limit = 0;
  double share() const { return limit == 0 ? 0 : static_cast<double>(used) / static_cast<double>(limit); }
};

// The longest that is read: a memory.stat, in which the line that is looked for
// stands in the first half.
using Buffer = std::array<char, 4096>;

std::optional<std::uint64_t> number_in(const HeldFile& file, Buffer& buffer) {
  return leading_number(file.read(buffer));
}

struct Names {
  const char* usage;
  const char* limit;
  const char* high;  // where reclaim begins to hold tasks up; null: there is none
  const char* inactive;
};
constexpr Names kV2{"memory.current", "memory.max", "memory.high", "inactive_file "};
constexpr Names kV1{"memory.usage_in_bytes", "memory.limit_in_bytes", nullptr, "total_inactive_file "};

struct Group {
  Group(const std::string& directory, const Names& names)
      : usage(directory + names.usage),
        limit(directory + names.limit),
        high(names.high == nullptr ? HeldFile() : HeldFile(directory + names.high)),
        stat(directory + "memory.stat"),
        inactive(names.inactive) {}

  // Nothing: it has no limit, or is gone.
  std::optional<Use> read(Buffer& buffer) const {
    const auto used = number_in(usage, buffer);
    const std::uint64_t most =
        std::min(number_in(limit, buffer).value_or(kNoLimit), number_in(high, buffer).value_or(kNoLimit));
    if (!used || most == kNoLimit || most == 0) return std::nullopt;
    const std::uint64_t free = number_behind(stat.read(buffer), inactive).value_or(0);
    return Use{.used = *used - std::min(*used, free), .limit = most};
  }

  HeldFile usage;
  HeldFile limit;
  HeldFile high;
  HeldFile stat;
  std::string_view inactive;
};

// The directories of the group and those that it lies in, up to the mount: inside
// a container the paths of /proc/self/cgroup may lead nowhere, and the mount is the
// container's group.
void add_groups(const std::string& mount, std::string group, const Names& names, std::vector<Group>& groups) {
  while (groups.size() < kGroupsMax) {
    Group here(mount + group + "/", names);
    if (here.usage.is_open() && here.limit.is_open()) groups.push_back(std::move(here));
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos || group.empty()) return;
    group.resize(slash);
  }
}

// The paths of this process' groups; `v2` or of v1's memory controller.
void for_each_group(const std::string& root, auto use) {
  std::ifstream file(root + "proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {  // number:controllers:path
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    if (controllers == ",,") use(true, group);
    if (controllers.find(",memory,") != std::string::npos) use(false, group);
  }
}

std::vector<Group> find_groups(const std::string& root) {
  std::vector<Group> groups;
  for_each_group(root, [&](bool v2, const std::string& group) {
    if (!v2) return add_groups(root + "sys/fs/cgroup/memory", group, kV1, groups);
    add_groups(root + "sys/fs/cgroup", group, kV2, groups);
    add_groups(root + "sys/fs/cgroup/unified", group, kV2, groups);
  });
  return groups;
}

HeldFile find_pressure(const std::string& root) {
  std::string path = root + "proc/pressure/memory";
  for_each_group(root, [&](bool v2, const std::string& group) {
    if (!v2) return;
    for (const char* mount : {"sys/fs/cgroup", "sys/fs/cgroup/unified"}) {
      const std::string own = root + mount + group + "/memory.pressure";
      if (HeldFile(own).is_open()) path = own;
    }
  });
  return HeldFile(path);
}

}  // namespace

struct MemoryGuard::Sources {
  explicit Sources(const Options& options)
      : groups(find_groups(options.root)),
        pressure(options.stalls ? find_pressure(options.root) : HeldFile()),
        machine(options.root + "proc/meminfo") {}

  Use fullest(Bytes declared) {
    Use most;
    const auto take = [&most](const std::optional<Use>& use) {
      if (use && (most.limit == 0 || use->share() > most.share())) most = *use;
    };
    for (const Group& group : groups) take(group.read(buffer));
    if (declared.count > 0) take(Use{.used = resident.read().count, .limit = declared.count});
    if (most.limit == 0) take(left_of_machine());
    return most;
  }

  // 0 to 1.
  double stalled() {
    // "some avg10=1.25 avg60=..."
    const std::string_view text = pressure.read(buffer);
    constexpr std::string_view kName = "some avg10=";
    const std::size_t at = text.find(kName);
    if (at == std::string_view::npos) return 0;
    double percent = 0;
    const char* const begin = text.data() + at + kName.size();
    (void)std::from_chars(begin, text.data() + text.size(), percent);
    return std::clamp(percent / 100, 0.0, 1.0);
  }

  std::vector<Group> groups;
  HeldFile pressure;
  HeldFile machine;
  ResidentMeter resident;
  Buffer buffer{};

 private:
  std::optional<Use> left_of_machine() {
    const std::string_view text = machine.read(buffer);
    const auto total = number_behind(text, "MemTotal:");
    const auto available = number_behind(text, "MemAvailable:");
    if (!total || !available || *total == 0) return std::nullopt;
    return Use{.used = (*total - std::min(*total, *available)) << 10, .limit = *total << 10};
  }
};

std::expected<void, std::string> MemoryGuard::verify(const Options& options) {
  const auto wrong = [&](std::string_view what) {
    return std::unexpected("guard " + options.name + ": " + std::string(what));
  };
  if (!(options.from > 0 && options.from < options.all_from && options.all_from <= 1))
    return wrong("from is above 0 and below all_from, which is at most 1");
  if (!(options.hysteresis >= 0 && options.hysteresis < options.from))
    return wrong("hysteresis is from 0 to below `from`: else nothing would be admitted again");
  if (!(options.stalled_from > 0 && options.stalled_from < options.stalled_all_from))
    return wrong("stalled_from is above 0 and below stalled_all_from");
  if (options.every <= Duration::zero()) return wrong("every is above 0");
  if (options.retry_after < Duration::zero()) return wrong("retry_after is not below 0");
  return {};
}

MemoryGuard::MemoryGuard(Options options)
    : Guard(options.name, Reason::memory_low, options.retry_after),
      options_([&] {
        const auto right = verify(options);
        WEIR_CHECK(right, right.error().c_str());
        return std::move(options);
      }()),
      sources_(std::make_unique<Sources>(options_)),
      numbers_{.from = options_.from, .all_from = options_.all_from, .limit = options_.limit} {}

MemoryGuard::~MemoryGuard() = default;

void MemoryGuard::adjust(const Numbers& to) {
  Options changed = options_;
  changed.from = to.from;
  changed.all_from = to.all_from;
  const auto right = verify(changed);
  WEIR_CHECK(right, right.error().c_str());
  const std::lock_guard guard(adjusting_);
  numbers_ = to;
}

void MemoryGuard::sample() {
  const Numbers numbers = [this] {
    const std::lock_guard guard(adjusting_);
    return numbers_;
  }();
  const Use use = sources_->fullest(numbers.limit);
  const double stalled = sources_->stalled();
  const internal::Steps by_use{numbers.from, numbers.all_from, options_.hysteresis};
  const internal::Steps by_stalls{options_.stalled_from, options_.stalled_all_from, options_.hysteresis};
  below_by_use_ = by_use.below(use.share(), below_by_use_);
  below_by_stalls_ = std::min(by_stalls.below(stalled, below_by_stalls_), level_of(Criticality::critical, 0));
  const std::uint32_t now_below = std::max(below_by_use_, below_by_stalls_);
  if (now_below > below()) raised_.fetch_add(1, std::memory_order_relaxed);
  refuse_below(now_below);
  used_.store(use.used, std::memory_order_relaxed);
  limit_.store(use.limit, std::memory_order_relaxed);
  stalled_.store(stalled, std::memory_order_relaxed);
  samples_.fetch_add(1, std::memory_order_relaxed);
}

core::task<> MemoryGuard::run(core::Context& context) {
  do {
    sample();
  } while (co_await core::sleep_for(context, options_.every));
}

MemoryGuard::Stats MemoryGuard::stats() const {
  return {
      .samples = samples_.load(std::memory_order_relaxed),
      .below = below(),
      .used = Bytes{used_.load(std::memory_order_relaxed)},
      .limit = Bytes{limit_.load(std::memory_order_relaxed)},
      .stalled_share = stalled_.load(std::memory_order_relaxed),
      .raised = raised_.load(std::memory_order_relaxed),
  };
}

}  // namespace weir::admission

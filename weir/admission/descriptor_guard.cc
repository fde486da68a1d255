#include "weir/admission/descriptor_guard.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "weir/admission/internal/steps.h"
#include "weir/base/check.h"
#include "weir/core/sleep.h"

namespace weir::admission {
namespace {

constexpr int kEntriesPerLook = 2048;

}  // namespace

struct DescriptorGuard::Folder {
  explicit Folder(const std::string& path) : stream(::opendir(path.c_str())) {}
  ~Folder() {
    if (stream != nullptr) ::closedir(stream);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  DIR* const stream;  // null: there is none
};

std::expected<void, std::string> DescriptorGuard::verify(const Options& options) {
  const auto wrong = [&](std::string_view what) {
    return std::unexpected("guard " + options.name + ": " + std::string(what));
  };
  if (!(options.from > 0 && options.from < options.all_from && options.all_from <= 1))
    return wrong("from is above 0 and below all_from, which is at most 1");
  if (!(options.hysteresis >= 0 && options.hysteresis < options.from))
    return wrong("hysteresis is from 0 to below `from`: else nothing would be admitted again");
  if (options.every <= Duration::zero()) return wrong("every is above 0");
  if (options.retry_after < Duration::zero()) return wrong("retry_after is not below 0");
  return {};
}

DescriptorGuard::DescriptorGuard(Options options)
    : Guard(options.name, Reason::descriptors_low, options.retry_after),
      options_([&] {
        const auto right = verify(options);
        WEIR_CHECK(right, right.error().c_str());
        return std::move(options);
      }()),
      folder_(std::make_unique<Folder>(options_.folder)) {}

DescriptorGuard::~DescriptorGuard() = default;

std::uint64_t DescriptorGuard::count() {
  if (folder_->stream == nullptr) return 0;
  if (struct stat status{}; options_.ask_kernel && ::fstat(::dirfd(folder_->stream), &status) == 0) {
    if (status.st_size > 0) return static_cast<std::uint64_t>(status.st_size);
  }
  for (int i = 0; i < kEntriesPerLook; ++i) {
    const dirent* const entry = ::readdir(folder_->stream);
    if (entry == nullptr) {
      ::rewinddir(folder_->stream);
      counted_ = std::exchange(counting_, 0);
      break;
    }
    if (entry->d_name[0] != '.') ++counting_;
  }
  return std::max(counted_, counting_);
}

void DescriptorGuard::sample() {
  const std::uint64_t used = count();
  std::uint64_t limit = options_.limit;
  if (rlimit most{}; limit == 0 && ::getrlimit(RLIMIT_NOFILE, &most) == 0 && most.rlim_cur != RLIM_INFINITY)
    limit = most.rlim_cur;
  const double share = limit == 0 ? 0 : static_cast<double>(used) / static_cast<double>(limit);
  const internal::Steps steps{options_.from, options_.all_from, options_.hysteresis};
  const std::uint32_t now_below = steps.below(share, below());
  if (now_below > below()) raised_.fetch_add(1, std::memory_order_relaxed);
  refuse_below(now_below);
  used_.store(used, std::memory_order_relaxed);
  limit_.store(limit, std::memory_order_relaxed);
  samples_.fetch_add(1, std::memory_order_relaxed);
}

core::task<> DescriptorGuard::run(core::Context& context) {
  do {
    sample();
  } while (co_await core::sleep_for(context, options_.every));
}

DescriptorGuard::Stats DescriptorGuard::stats() const {
  return {
      .samples = samples_.load(std::memory_order_relaxed),
      .below = below(),
      .used = used_.load(std::memory_order_relaxed),
      .limit = limit_.load(std::memory_order_relaxed),
      .raised = raised_.load(std::memory_order_relaxed),
  };
}

}  // namespace weir::admission

// Refuses by class as descriptors run short, before accept() and connect() fail.
//
//   DescriptorGuard guard({});
//   scope.spawn(std::move(permit), guard.run(scope.context()));
//   ...
//   if (guard.refuses(level)) return fail(ErrorKind::overloaded, guard.reason(), guard.name());
//
// Every 100 ms it holds those in use against RLIMIT_NOFILE, and refuses in the
// steps of memory_guard.h. Where the kernel says how many there are (Linux 6.2),
// that is asked for; elsewhere they are counted through a directory that is held
// open, 2,048 at a look, so that no look takes long: up to then, what has been
// counted so far or the last time, whichever is more.
//
// refuses() and stats(): any thread. sample() and run(): one task at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "weir/admission/guard.h"
#include "weir/base/clock.h"
#include "weir/core/context.h"
#include "weir/core/task.h"

namespace weir::admission {

class DescriptorGuard final : public Guard {
 public:
  struct Options {
    std::string name = "descriptors";      // appears in refusals and metrics
    double from = 0.80;                    // of the limit: from here on something is refused
    double all_from = 0.97;                // and from here on all; above `from`, at most 1
    double hysteresis = 0.03;              // so much lower it is admitted again
    std::uint64_t limit = 0;               // 0: RLIMIT_NOFILE, read at each look
    Duration every = 100ms;                // above 0
    Duration retry_after = 1s;             // what a refusal says
    std::string folder = "/proc/self/fd";  // for tests
    bool ask_kernel = true;                // false: counted, for tests
  };

  // As the last look found it.
  struct Stats {
    std::uint64_t samples = 0;
    std::uint32_t below = 0;  // the levels that are refused
    std::uint64_t used = 0;   // 0: nothing says
    std::uint64_t limit = 0;
    std::uint64_t raised = 0;  // times that more was refused than before
  };

  // WEIR_CHECKs what verify() tells.
  explicit DescriptorGuard(Options options);
  ~DescriptorGuard() override;

  // Error: what is wrong and what would be right.
  static std::expected<void, std::string> verify(const Options& options);

  // Looks, and refuses by what it finds. Does not wait.
  void sample();
  // The same every so often, until it is cancelled.
  core::task<> run(core::Context& context);

  Stats stats() const;

 private:
  struct Folder;

  std::uint64_t count();

  const Options options_;
  const std::unique_ptr<Folder> folder_;
  std::uint64_t counted_ = 0;   // the last time; of sample() alone, as the next
  std::uint64_t counting_ = 0;  // so far

  // What stats() tells; relaxed, they order nothing.
  std::atomic<std::uint64_t> samples_{0};
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> limit_{0};
  std::atomic<std::uint64_t> raised_{0};
};

}  // namespace weir::admission

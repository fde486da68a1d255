// A program that a test has started: what it says, how it ends, signals to it.
//
//   Process weir({WEIR_PROGRAM, "check", "bounds.yaml"});
//   EXPECT_EQ(weir.wait(10s), 2);
//   EXPECT_THAT(weir.err(), HasSubstr("unknown key"));
//
// Both of its outputs are read as they come, so that it never waits for the
// test. It does not outlive this object, nor the test's process. One thread
// calls it.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "weir/base/clock.h"

namespace weir::testing {

class Process {
 public:
  // The first word is the program's path. CHECKs that it can be started.
  explicit Process(const std::vector<std::string>& words);
  // Kills it where it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;

  // How it ended, as a shell has it: its exit code, or 128 and the signal that
  // killed it. nullopt: it still runs after `bound`.
  std::optional<int> wait(Duration bound);

  // False: it has not said `text` on stderr after `bound`, or ended without.
  bool wait_for_err(std::string_view text, Duration bound);

  // What it has said so far; all of it once wait() told how it ended.
  std::string out() const;
  std::string err() const;

  // Of a running one, from /proc.
  std::size_t descriptors() const;
  // The most memory it has held so far, and what it holds now.
  std::size_t rss_bytes_peak() const { return status_bytes("VmHWM:"); }
  std::size_t rss_bytes() const { return status_bytes("VmRSS:"); }

 private:
  void collect(int out, int err);
  std::size_t status_bytes(std::string_view field) const;

  pid_t pid_ = -1;
  mutable std::mutex lock_;  // guards all below
  std::condition_variable changed_;
  std::string out_;
  std::string err_;
  std::optional<int> end_;
  std::thread collector_;
};

}  // namespace weir::testing

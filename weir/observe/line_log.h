// A log of lines that never makes its writers wait: a line goes into the buffer of
// the processor it is written on, and a task of the log's writes them out. When that
// falls behind, lines are dropped and counted.
//
//   LineLog log({.path = "/var/log/weir/access.log"}, runtime.processors());
//   if (Result<> opened = log.open(); !opened) ...     // at start-up: it blocks
//   scope.spawn(permit, log.run(scope.context()));
//   log.add(line);                                     // a task, on any processor
//
// Lines of one processor stay in order; those of several are mixed by the piece.
// It allocates nothing after its construction. The runtime outlives it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/event.h"
#include "weir/core/limit.h"
#include "weir/core/task.h"

namespace weir::observe {

class LineLog {
 public:
  struct Options {
    std::string path;  // of the file that is appended to; empty: the standard output
    // What each processor's lines may take until they are written, twice: one part is
    // filled while the other is written. 256 KiB are some 1,000 lines of a web
    // server's, a fifth of a second's at 5,000 requests a second and processor.
    Bytes buffer = kibibytes(256);
    // How long lines are collected for one write. 0: not at all.
    Duration collect_for = 50ms;
  };

  struct Stats {
    std::uint64_t written;   // lines
    std::uint64_t dropped;   // lines: there was no room, or the write failed
    std::uint64_t failures;  // of writes, and of opening the file anew
    std::uint64_t bytes;     // written
  };

  LineLog(Options options, unsigned processors);
  ~LineLog();
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;

  // Blocks; before run(). Errors: those of open(2).
  Result<> open();

  // The line, without its end. False: dropped. Never waits for the file.
  bool add(std::string_view line);

  // The file is opened anew before the next write: after it has been moved away.
  // Where that fails the old one is gone on with. Any thread.
  void reopen();

  // Writes until `context` ends, and then what is left.
  core::task<> run(core::Context& context);

  Stats stats() const;

 private:
  // Two processors do not share one; the lock is between it and who writes out.
  struct alignas(64) Shard {
    std::mutex lock;      // guards the two below, held for a copy of a line
    std::string filling;  // its capacity is reserved
    std::uint64_t lines = 0;
    std::string writing;  // of the writer
  };

  // Writes all there is; on a thread that may block.
  void write_out();
  void write_all(std::string_view text, std::uint64_t lines);
  void open_anew();

  const Options options_;
  std::vector<std::unique_ptr<Shard>> shards_;
  core::Event filled_;
  core::Limit blocking_{{.name = "log", .limit = 1}};
  int file_ = -1;  // of the writer, after open()
  std::atomic<bool> reopening_{false};
  // Counters are relaxed: they order nothing.
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace weir::observe

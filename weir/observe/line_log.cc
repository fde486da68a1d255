#include "weir/observe/line_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "weir/core/blocking.h"
#include "weir/core/runtime.h"
#include "weir/core/sleep.h"

namespace weir::observe {
namespace {

int open_file(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

}  // namespace

LineLog::LineLog(Options options, unsigned processors) : options_(std::move(options)) {
  for (unsigned i = 0; i < processors; ++i) {
    Shard& shard = *shards_.emplace_back(std::make_unique<Shard>());
    shard.filling.reserve(options_.buffer.count);
    shard.writing.reserve(options_.buffer.count);
  }
}

LineLog::~LineLog() {
  if (!options_.path.empty() && file_ >= 0) ::close(file_);
}

Result<> LineLog::open() {
  file_ = options_.path.empty() ? STDOUT_FILENO : open_file(options_.path);
  if (file_ < 0) return std::unexpected(system_error(errno, "log"));
  return {};
}

bool LineLog::add(std::string_view line) {
  Shard& shard = *shards_[core::Runtime::current_processor() % shards_.size()];
  bool first = false;
  {
    const std::lock_guard guard(shard.lock);
    if (line.size() + 1 > options_.buffer.count - shard.filling.size()) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    first = shard.filling.empty();
    shard.filling.append(line).push_back('\n');
    ++shard.lines;
  }
  if (first) filled_.set();
  return true;
}

void LineLog::reopen() {
  reopening_.store(true, std::memory_order_relaxed);
  filled_.set();
}

core::task<> LineLog::run(core::Context& context) {
  const auto write = [this] { write_out(); };
  while (co_await filled_.wait(context)) {
    if (options_.collect_for > Duration::zero())
      (void)co_await core::sleep_for(context, options_.collect_for);
    // Before the buffers are looked at: what comes after that sets it again.
    filled_.reset();
    (void)co_await core::blocking(blocking_, context, write);
  }
  // Its own: what is left is written although everything else has ended.
  core::Context last;
  (void)co_await core::blocking(blocking_, last, write);
}

void LineLog::write_out() {
  if (reopening_.exchange(false, std::memory_order_relaxed)) open_anew();
  for (const std::unique_ptr<Shard>& each : shards_) {
    Shard& shard = *each;
    std::uint64_t lines = 0;
    {
      const std::lock_guard guard(shard.lock);
      shard.filling.swap(shard.writing);
      lines = std::exchange(shard.lines, 0);
    }
    if (lines > 0) write_all(shard.writing, lines);
    shard.writing.clear();
  }
}

// What cannot be written is lost: to keep it would only move the loss.
void LineLog::write_all(std::string_view text, std::uint64_t lines) {
  while (!text.empty()) {
    const ssize_t moved = ::write(file_, text.data(), text.size());
    if (moved < 0 && errno == EINTR) continue;
    if (moved <= 0) {
      failures_.fetch_add(1, std::memory_order_relaxed);
      const auto lost = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
      dropped_.fetch_add(lost, std::memory_order_relaxed);
      lines -= lost;
      break;
    }
    bytes_.fetch_add(static_cast<std::uint64_t>(moved), std::memory_order_relaxed);
    text.remove_prefix(static_cast<std::size_t>(moved));
  }
  written_.fetch_add(lines, std::memory_order_relaxed);
}

void LineLog::open_anew() {
  if (options_.path.empty()) return;
  const int file = open_file(options_.path);
  if (file < 0) {
    failures_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  ::close(std::exchange(file_, file));
}

LineLog::Stats LineLog::stats() const {
  return {.written = written_.load(std::memory_order_relaxed),
          .dropped = dropped_.load(std::memory_order_relaxed),
          .failures = failures_.load(std::memory_order_relaxed),
          .bytes = bytes_.load(std::memory_order_relaxed)};
}

}  // namespace weir::observe

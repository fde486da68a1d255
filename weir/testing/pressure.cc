#include "weir/testing/pressure.h"

#include <sys/mman.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "weir/base/memory.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::testing {
namespace {

// Between two of them a task gives way: some hundred microseconds of page faults,
// of starting tasks, of waking them.
constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::size_t kPageBytes = 4096;
constexpr std::uint64_t kBatchTasks = 1000;
// How often the machine is asked what is left.
constexpr std::size_t kPiecesPerLook = 16;

Error no_memory() {
  return {.kind = ErrorKind::overloaded, .reason = Reason::system, .where = "memory that is free"};
}

// Whether so much can be taken. A machine that does not say lets it be tried.
bool can_have(Bytes bytes) {
  const std::optional<Bytes> available = memory_available();
  return !available ||
         (available->count >= kMemoryLeft.count && bytes.count <= available->count - kMemoryLeft.count);
}

core::task<void> sleep_long(core::Context& context) { (void)co_await core::sleep_until(context, kNever); }

// Tells the other side whatever happens.
class Ending {
 public:
  explicit Ending(Hold& hold) : hold_(hold) {}
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;
  ~Ending() {
    hold_.held.set();
    hold_.gone.set();
  }

 private:
  Hold& hold_;
};

// Address space for all of it, from which pages are taken as they are touched.
class Mapping {
 public:
  explicit Mapping(Bytes bytes)
      : size_((bytes.count + kPageBytes - 1) / kPageBytes * kPageBytes),
        data_(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                   0)) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    while (!empty()) unmap_piece();
  }

  // A mapping of nothing is none.
  bool failed() const { return data_ == MAP_FAILED && size_ > 0; }
  bool whole() const { return touched_ == size_; }
  bool empty() const { return failed() || size_ == 0; }

  void touch_piece() {
    auto* const bytes = static_cast<volatile char*>(data_);
    const std::size_t end = std::min(size_, touched_ + kPieceBytes);
    for (; touched_ < end; touched_ += kPageBytes) bytes[touched_] = 1;
  }
  void unmap_piece() {
    const std::size_t piece = std::min(size_, kPieceBytes);
    size_ -= piece;
    munmap(static_cast<char*>(data_) + size_, piece);
  }

 private:
  std::size_t size_;
  std::size_t touched_ = 0;
  void* const data_;
};

// Until all is there; the error of a machine that has no more, or of the context.
core::task<Result<>> touch_all(core::Context& context, Mapping& mapping) {
  for (std::size_t piece = 0; !mapping.whole(); ++piece) {
    if (context.cancelled()) co_return fail(ErrorKind::cancelled);
    if (piece % kPiecesPerLook == 0 && !can_have(Bytes{kPiecesPerLook * kPieceBytes})) {
      co_return std::unexpected(no_memory());
    }
    mapping.touch_piece();
    co_await core::yield();
  }
  co_return Result<>();
}

}  // namespace

core::task<void> hold_tasks(core::Context& context, core::Limit& tasks, std::uint64_t count, Hold& hold) {
  const Ending ending(hold);
  if (!can_have(Bytes{count * kTaskBytes.count})) {
    hold.failed = no_memory();
    co_return;
  }
  // A context for each batch, so that they are woken one batch at a time; of the
  // caller's, because they outlive the scope's.
  std::vector<std::unique_ptr<core::Context>> batches;
  (void)co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
    for (; hold.count < count; ++hold.count) {
      if (context.cancelled()) {
        hold.failed = Error{.kind = ErrorKind::cancelled};
        break;
      }
      if (hold.count % kBatchTasks == 0) {
        batches.push_back(std::make_unique<core::Context>(context));
        co_await core::yield();
      }
      Result<core::Permit> permit = tasks.try_acquire();
      if (!permit) {
        hold.failed = permit.error();
        break;
      }
      scope.spawn(std::move(*permit), sleep_long(*batches.back()));
    }
    hold.held.set();
    if (!hold.failed) (void)co_await hold.release.wait(scope.context());
    for (const auto& batch : batches) {
      batch->cancel();
      co_await core::yield();
    }
  });
}

core::task<void> hold_memory(core::Context& context, Bytes bytes, Hold& hold) {
  const Ending ending(hold);
  if (!can_have(bytes)) {
    hold.failed = no_memory();
    co_return;
  }
  Mapping mapping(bytes);
  if (mapping.failed()) {
    hold.failed = no_memory();
    co_return;
  }
  if (Result<> touched = co_await touch_all(context, mapping); !touched) {
    hold.failed = touched.error();
  } else {
    hold.count = bytes.count;
    hold.held.set();
    (void)co_await hold.release.wait(context);
  }
  while (!mapping.empty()) {
    mapping.unmap_piece();
    co_await core::yield();
  }
}

std::optional<Bytes> bytes_to_share(double share, const std::string& root) {
  const std::optional<Bytes> limit = memory_limit(root);
  const std::optional<Bytes> available = memory_available(root);
  if (!limit || !available) return std::nullopt;
  const std::uint64_t used = limit->count - std::min(limit->count, available->count);
  const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(limit->count));
  return Bytes{wanted - std::min(wanted, used)};
}

}  // namespace weir::testing

#include "weir/load/internal/first_touch.h"

#include <sys/mman.h>

#include <algorithm>

#include "weir/core/limit.h"
#include "weir/core/now.h"
#include "weir/core/runtime.h"
#include "weir/core/scope.h"
#include "weir/core/sleep.h"

namespace weir::load::internal {
namespace {

constexpr std::size_t kPage = 4096;
// A few milliseconds, then others have their turn.
constexpr std::size_t kPiece = std::size_t{1} << 20;

}  // namespace

core::task<std::optional<Duration>> FirstTouch::measure(core::Context& context) {
  void* mapping =
      mmap(nullptr, bytes_.count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) co_return std::nullopt;
  auto* const begin = static_cast<volatile char*>(mapping);
  const unsigned parts = core::Runtime::current().processors();
  core::Limit limit({.name = "hold.touch", .limit = parts});
  const TimePoint start = core::now();
  (void)co_await core::with_scope(context, [&](core::Scope& scope) -> core::task<> {
    for (unsigned part = 0; part < parts; ++part) {
      scope.spawn(std::move(*limit.try_acquire()), touch(scope.context(), begin + bytes_.count * part / parts,
                                                         begin + bytes_.count * (part + 1) / parts));
    }
    co_return;
  });
  const Duration took = core::now() - start;
  munmap(mapping, bytes_.count);
  if (context.cancelled()) co_return std::nullopt;
  co_return took;
}

core::task<> FirstTouch::touch(core::Context& context, volatile char* begin, volatile char* end) {
  while (begin < end && !context.cancelled()) {
    volatile char* const piece_end = begin + std::min<std::ptrdiff_t>(end - begin, kPiece);
    for (volatile char* at = begin; at < piece_end; at += kPage) *at = 1;
    touched_.fetch_add(static_cast<std::uint64_t>(piece_end - begin), std::memory_order_relaxed);
    begin = piece_end;
    co_await core::yield();
  }
}

}  // namespace weir::load::internal

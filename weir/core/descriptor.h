// A file descriptor that tasks can wait for.
//
// It is registered once with a processor's poller, edge-triggered: try the
// call first, and wait only after EAGAIN. At most one task waits for each
// direction at a time.
//
//   for (;;) {
//     ssize_t n = ::recv(d.fd(), ...);
//     if (n >= 0 || errno != EAGAIN) break;
//     if (auto ok = co_await d.readable(ctx); !ok) co_return std::unexpected(ok.error());
//   }
#pragma once

#include <utility>

#include "weir/base/clock.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/internal/poller.h"
#include "weir/core/runtime.h"
#include "weir/core/wait.h"

namespace weir::core {

class Descriptor {
 public:
  class Readiness;

  Descriptor() = default;
  Descriptor(Descriptor&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        state_(std::exchange(other.state_, nullptr)),
        runtime_(other.runtime_) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { close(); }

  // Takes ownership of `fd`, which must be non-blocking; on error it is closed.
  // Its events arrive on `processor` (an index below Runtime::processors()),
  // or on the calling task's. Called by a task.
  static Result<Descriptor> adopt(int fd);
  static Result<Descriptor> adopt(int fd, unsigned processor);

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  // No task may be waiting. Idempotent.
  void close();

  // Await Result<>. ready: try again (it may be EAGAIN once more). Errors:
  // deadline, cancelled. Cancellation: the descriptor stays as it was.
  Readiness readable(Context& context, TimePoint deadline = kNever);
  Readiness writable(Context& context, TimePoint deadline = kNever);
  // The next readable() does not wait: what has arrived is held by a layer above,
  // and no event will tell of it.
  void assume_readable();

  // For quiet_since(): a mark of now, after a read that left nothing.
  std::uint64_t quiet_mark() const;
  // True: nothing had come since the mark when its poller last looked, and that was
  // moments ago. It asks no kernel. False: something may have.
  bool quiet_since(std::uint64_t mark) const;

  // Cancels `context` when the peer hangs up (also when it closes only its
  // sending side), or at once if it has; null: no longer. The context must
  // outlive this setting.
  void cancel_on_hang_up(Context* context);

 private:
  Descriptor(int fd, internal::IoState* state, Runtime& runtime)
      : fd_(fd), state_(state), runtime_(&runtime) {}

  int fd_ = -1;
  internal::IoState* state_ = nullptr;
  Runtime* runtime_ = nullptr;
};

class [[nodiscard]] Descriptor::Readiness {
 public:
  Readiness(internal::IoState& state, internal::Direction direction, Context& context, TimePoint deadline)
      : state_(state),
        side_(static_cast<std::size_t>(direction)),
        wait_(context, WaitReason::io_wait, deadline) {}

  bool await_ready();
  bool await_suspend(TaskHandle task);
  Result<> await_resume();

 private:
  internal::IoState& state_;
  const std::size_t side_;
  bool was_ready_ = false;
  Wait wait_;
};

}  // namespace weir::core

// Around a call that writes to a socket and cannot be told MSG_NOSIGNAL.
#pragma once

#include <csignal>

namespace weir::net::internal {

// This thread gets no SIGPIPE while it lives: one that comes is taken away at its end,
// unless it was waiting before.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigset_t waiting{};
    sigpending(&waiting);
    was_pending_ = sigismember(&waiting, SIGPIPE) == 1;
    const sigset_t only = sigpipe();
    pthread_sigmask(SIG_BLOCK, &only, &before_);
  }
  ~NoSigpipe() {
    const sigset_t only = sigpipe();
    constexpr timespec kNow{};
    if (!was_pending_) sigtimedwait(&only, nullptr, &kNow);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  static sigset_t sigpipe() {
    sigset_t only{};
    sigemptyset(&only);
    sigaddset(&only, SIGPIPE);
    return only;
  }

  sigset_t before_{};
  bool was_pending_;
};

}  // namespace weir::net::internal

#include "weir/core/signals.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace weir::core {
namespace {

sigset_t make_set(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

}  // namespace

void SignalSet::block(std::initializer_list<int> signals) {
  const sigset_t set = make_set(signals);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Result<SignalSet> SignalSet::open(std::initializer_list<int> signals) {
  const sigset_t set = make_set(signals);
  const int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) return std::unexpected(system_error(errno, "signalfd"));
  Result<Descriptor> descriptor = Descriptor::adopt(fd);
  if (!descriptor) return std::unexpected(descriptor.error());
  return SignalSet(std::move(*descriptor));
}

task<Result<int>> SignalSet::next(Context& context) {
  for (;;) {
    signalfd_siginfo info{};
    const ssize_t got = ::read(descriptor_.fd(), &info, sizeof info);
    if (got == sizeof info) co_return static_cast<int>(info.ssi_signo);
    if (got < 0 && errno != EAGAIN && errno != EINTR)
      co_return std::unexpected(system_error(errno, "signalfd"));
    if (auto ready = co_await descriptor_.readable(context); !ready) co_return std::unexpected(ready.error());
  }
}

}  // namespace weir::core

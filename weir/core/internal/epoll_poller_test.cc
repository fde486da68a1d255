// The poller where the kernel gives less than it asks for.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include "weir/base/sanitizers.h"
#include "weir/core/descriptor.h"
#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core::internal {
namespace {

// From now on the call fails with `error` in this process.
void forbid(long call, int error) {
  const auto number = static_cast<std::uint32_t>(call);
  const auto code = static_cast<std::uint32_t>(error) & SECCOMP_RET_DATA;
  std::array<sock_filter, 4> filter{{
      {.code = BPF_LD | BPF_W | BPF_ABS, .jt = 0, .jf = 0, .k = offsetof(seccomp_data, nr)},
      {.code = BPF_JMP | BPF_JEQ | BPF_K, .jt = 0, .jf = 1, .k = number},
      {.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = SECCOMP_RET_ERRNO | code},
      {.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = SECCOMP_RET_ALLOW},
  }};
  const sock_fprog program{.len = filter.size(), .filter = filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::_Exit(77);
  }
}

// Waits for a socket and for time, both asleep. Ends the process: 0 for done.
[[noreturn]] void wait_without(long call, int error) {
  forbid(call, error);
  ::alarm(20);  // a lost event is a hang
  Runtime runtime({.processors = 2});
  Spawner spawn;
  bool done = false;
  (void)runtime.run([&](Scope& root) -> task<> {
    std::array<int, 2> fds{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) != 0) co_return;
    Descriptor near = *Descriptor::adopt(fds[0], 0);
    const auto send_later = [](Context& context, int fd) -> task<> {
      (void)co_await sleep_for(context, 3ms);
      if (::write(fd, "x", 1) != 1) std::abort();
    };
    spawn(root, send_later(root.context(), fds[1]));
    char byte = 0;
    while (::read(near.fd(), &byte, 1) != 1) {
      if (!co_await near.readable(root.context())) co_return;
    }
    done = (co_await sleep_for(root.context(), 3ms)).has_value();
  });
  std::_Exit(done ? 0 : 1);
}

TEST(EpollPollerDeathTest, DoesWithMillisecondsWhereTheKernelKnowsNoNanoseconds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  // ENOSYS before Linux 5.11; EPERM from container runtimes that do not know the call.
  for (const int error : {ENOSYS, EPERM}) {
    EXPECT_EXIT(wait_without(SYS_epoll_pwait2, error), ::testing::ExitedWithCode(0), "");
  }
}

TEST(EpollPollerDeathTest, SaysWhenThereAreNoDescriptorsForIt) {
  if (kSanitized) GTEST_SKIP() << "the sanitizers need descriptors themselves";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto start_without_descriptors = [] {
    const rlimit none{.rlim_cur = 3, .rlim_max = 3};
    if (::setrlimit(RLIMIT_NOFILE, &none) != 0) std::_Exit(77);
    const Runtime runtime({.processors = 1});
  };
  EXPECT_DEATH(start_without_descriptors(), "raise the limit of open files");
}

}  // namespace
}  // namespace weir::core::internal

#include "tools/weir/guarded.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include "tools/weir/exit_code.h"

namespace weir::tools {
namespace {

// Then something is wrong that another start does not mend.
constexpr int kStartsMax = 10;

[[noreturn]] void become_child(const char* program, pid_t parent, const std::function<int(bool)>& work,
                               bool again) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  // It may have died before it was to be told.
  if (::getppid() != parent) std::raise(SIGTERM);
  int code = kInternal;
  try {
    code = work(again);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "%s: %s\n", program, exception.what());
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    std::perror("weir: writing to stdout");
    code = kInternal;
  }
  std::fflush(stderr);
  ::_exit(code);
}

// How the child ended; signals that arrive meanwhile are passed on.
int wait_for_child(pid_t child, const sigset_t& signals, bool& stopping) {
  for (;;) {
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) return status;
    int number = 0;
    if (::sigwait(&signals, &number) != 0 || number == SIGCHLD) continue;
    stopping = true;
    ::kill(child, number);
  }
}

}  // namespace

int run_guarded(const char* program, const std::function<int(bool again)>& work) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  const pid_t parent = ::getpid();
  bool stopping = false;
  for (int start = 0; start < kStartsMax; ++start) {
    // What is buffered would be written by both.
    std::fflush(stdout);
    std::fflush(stderr);
    const pid_t child = ::fork();
    if (child == 0) become_child(program, parent, work, start > 0);
    if (child < 0) {
      std::fprintf(stderr, "%s: no other process can be started: %s\n", program, std::strerror(errno));
      return kInternal;
    }
    const int status = wait_for_child(child, signals, stopping);
    if (WIFEXITED(status))
      return start == 0 ? WEXITSTATUS(status) : std::max<int>(WEXITSTATUS(status), kInternal);
    std::fprintf(stderr, "%s: was killed by signal %d (%s)%s\n", program, WTERMSIG(status),
                 strsignal(WTERMSIG(status)), stopping ? "" : "; goes on without any fault");
    if (stopping) break;
  }
  return kInternal;
}

}  // namespace weir::tools

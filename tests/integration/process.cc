#include "tests/integration/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "weir/base/check.h"

namespace weir::testing {
namespace {

struct Pipe {
  int read_end;
  int write_end;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  WEIR_CHECK(::pipe2(ends.data(), O_CLOEXEC) == 0, "no pipe");
  return {ends[0], ends[1]};
}

// In the child: nothing here may allocate or lock, the test has other threads.
[[noreturn]] void become(char* const* words, int out, int err, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int in = ::open("/dev/null", O_RDONLY);
  if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(127);
  execv(words[0], words);
  _exit(127);
}

// Adds what has come; false at the end of the stream.
bool take(int fd, std::string& text) {
  std::array<char, 4096> piece{};
  const ssize_t got = ::read(fd, piece.data(), piece.size());
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  text.append(piece.data(), static_cast<std::size_t>(got));
  return got > 0;
}

int shell_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

Process::Process(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  const Pipe out = make_pipe();
  const Pipe err = make_pipe();
  const pid_t parent = getpid();
  pid_ = fork();
  WEIR_CHECK(pid_ >= 0, "cannot fork");
  if (pid_ == 0) become(pointers.data(), out.write_end, err.write_end, parent);
  ::close(out.write_end);
  ::close(err.write_end);
  collector_ = std::thread([this, out, err] { collect(out.read_end, err.read_end); });
}

Process::~Process() {
  signal(SIGKILL);
  collector_.join();
}

// The process is reaped by the collector, so that its number stays its own
// until `end_` is set.
void Process::signal(int number) const {
  const std::lock_guard guard(lock_);
  if (!end_) ::kill(pid_, number);
}

void Process::collect(int out, int err) {
  std::array<pollfd, 2> ends{pollfd{out, POLLIN, 0}, pollfd{err, POLLIN, 0}};
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    if (::poll(ends.data(), ends.size(), -1) < 0) continue;
    const std::lock_guard guard(lock_);
    if (ends[0].revents != 0 && !take(out, out_)) ends[0].fd = -1;
    if (ends[1].revents != 0 && !take(err, err_)) ends[1].fd = -1;
    changed_.notify_all();
  }
  ::close(out);
  ::close(err);
  // Waits without reaping first: while it is a zombie its number is not reused.
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  const std::lock_guard guard(lock_);
  int status = 0;
  waitpid(pid_, &status, 0);
  end_ = shell_code(status);
  changed_.notify_all();
}

std::optional<int> Process::wait(Duration bound) {
  std::unique_lock guard(lock_);
  changed_.wait_for(guard, bound, [this] { return end_.has_value(); });
  return end_;
}

bool Process::wait_for_err(std::string_view text, Duration bound) {
  std::unique_lock guard(lock_);
  changed_.wait_for(guard, bound, [&] { return end_ || err_.find(text) != std::string::npos; });
  return err_.find(text) != std::string::npos;
}

std::string Process::out() const {
  const std::lock_guard guard(lock_);
  return out_;
}

std::string Process::err() const {
  const std::lock_guard guard(lock_);
  return err_;
}

std::size_t Process::descriptors() const {
  const std::filesystem::directory_iterator entries("/proc/" + std::to_string(pid_) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

std::size_t Process::status_bytes(std::string_view field) const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(field)) continue;
    const std::size_t digits = line.find_first_of("0123456789");
    std::size_t kibibytes = 0;
    std::from_chars(line.data() + digits, line.data() + line.size(), kibibytes);
    return kibibytes << 10;
  }
  return 0;
}

}  // namespace weir::testing

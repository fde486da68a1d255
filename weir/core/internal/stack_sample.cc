#include "weir/core/internal/stack_sample.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <mutex>

namespace weir::core::internal {
namespace {

constexpr int kSignal = SIGURG;
constexpr std::size_t kDepthMax = 32;

enum class State : std::uint32_t { idle, asked, writing, written };

// One sample at a time in a process, since a handler has no argument of ours:
// the state says who may touch the rest.
struct Sample {
  std::atomic<State> state{State::idle};
  SampledThread thread;  // written by the asker before `asked`
  std::array<const void*, kDepthMax> stack{};
  std::size_t depth = 0;
};

constinit Sample sample;
constinit std::mutex one_at_a_time;
struct sigaction handler_before;

struct Registers {
  std::uintptr_t code;
  std::uintptr_t frame;
};

Registers registers_of(const void* context) {
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return {static_cast<std::uintptr_t>(machine.gregs[REG_RIP]),
          static_cast<std::uintptr_t>(machine.gregs[REG_RBP])};
#elif defined(__aarch64__)
  return {machine.pc, machine.regs[29]};
#else
  return {};
#endif
}

// A frame begins with the caller's frame pointer and the return address. What
// lies there is read unseen by sanitizers: where a function keeps something else
// in the register, it may be a variable of the stack that others write.
#if defined(__clang__)
[[clang::no_sanitize("address", "thread")]]
#endif
void walk(Registers at) {
  const SampledThread& thread = sample.thread;
  std::size_t depth = 0;
  while (depth < kDepthMax && at.code > 1) {
    sample.stack[depth++] = reinterpret_cast<const void*>(at.code);
    if (at.frame < thread.stack_low || at.frame > thread.stack_high - 2 * sizeof(void*) ||
        at.frame % alignof(void*) != 0) {
      break;
    }
    const auto* frame = reinterpret_cast<const std::uintptr_t*>(at.frame);
    if (frame[0] <= at.frame && frame[0] != 0) break;
    at = {.code = frame[1] - 1, .frame = frame[0]};  // the call, not what follows it
  }
  sample.depth = depth;
}

void on_signal(int number, siginfo_t* info, void* context) {
  State asked = State::asked;
  // acquire: sees the thread that is asked for.
  if (sample.state.load(std::memory_order_acquire) == State::asked &&
      sample.thread.id == static_cast<pid_t>(syscall(SYS_gettid)) &&
      sample.state.compare_exchange_strong(asked, State::writing, std::memory_order_acquire)) {
    walk(registers_of(context));
    sample.state.store(State::written, std::memory_order_release);  // publishes the stack
    return;
  }
  if ((handler_before.sa_flags & SA_SIGINFO) != 0) {
    handler_before.sa_sigaction(number, info, context);
  } else if (handler_before.sa_handler != SIG_DFL && handler_before.sa_handler != SIG_IGN) {
    handler_before.sa_handler(number);
  }
}

bool install_handler() {
  struct sigaction action{};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  return ::sigaction(kSignal, &action, &handler_before) == 0;
}

void wait_for_answer() {
  constexpr int kLooks = 400;  // of 50 us
  for (int look = 0; look < kLooks; ++look) {
    if (sample.state.load(std::memory_order_acquire) == State::written) return;
    const timespec pause{.tv_sec = 0, .tv_nsec = 50'000};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace

SampledThread SampledThread::calling() {
  SampledThread thread{.id = static_cast<pid_t>(syscall(SYS_gettid))};
  pthread_attr_t attributes;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return thread;
  void* low = nullptr;
  std::size_t size = 0;
  if (::pthread_attr_getstack(&attributes, &low, &size) == 0) {
    thread.stack_low = reinterpret_cast<std::uintptr_t>(low);
    thread.stack_high = thread.stack_low + size;
  }
  ::pthread_attr_destroy(&attributes);
  return thread;
}

Duration SampledThread::cpu_time() const {
  // The clock of a thread of this process, by its number: what
  // pthread_getcpuclockid() computes.
  constexpr unsigned kPerThreadScheduled = 6;
  const auto clock = static_cast<clockid_t>((~static_cast<unsigned>(id) << 3) | kPerThreadScheduled);
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return {};
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

bool SampledThread::runnable() const {
  // proc(5): "id (name) R ..."; a name may hold anything, so from its end.
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/self/task/%d/stat", static_cast<int>(id));
  std::ifstream file(path.data());
  std::string line;
  if (!std::getline(file, line)) return false;
  const std::size_t end = line.rfind(')');
  return end != std::string::npos && line.substr(end).starts_with(") R");
}

std::vector<const void*> sample_stack(const SampledThread& thread) {
  const std::lock_guard guard(one_at_a_time);
  static const bool kInstalled = install_handler();
  if (!kInstalled || thread.id == 0) return {};
  sample.thread = thread;
  sample.state.store(State::asked, std::memory_order_release);  // publishes the thread
  if (syscall(SYS_tgkill, ::getpid(), thread.id, kSignal) == 0) wait_for_answer();
  State asked = State::asked;
  // Not answered: from here on the handler does not begin. Else it is done, or
  // in the few instructions before that.
  if (sample.state.compare_exchange_strong(asked, State::idle, std::memory_order_acquire)) return {};
  while (sample.state.load(std::memory_order_acquire) != State::written) ::sched_yield();
  std::vector<const void*> stack(sample.stack.begin(),
                                 sample.stack.begin() + static_cast<std::ptrdiff_t>(sample.depth));
  sample.state.store(State::idle, std::memory_order_relaxed);
  return stack;
}

}  // namespace weir::core::internal

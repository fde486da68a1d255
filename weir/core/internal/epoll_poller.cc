#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>

#include "weir/base/check.h"
#include "weir/core/internal/poller.h"
#include "weir/core/internal/shake.h"

namespace weir::core::internal {
namespace {

// A user-space address has 47 bits (48 with 5-level paging off): the
// generation travels in the 16 above.
constexpr int kPointerBits = 48;

std::uint64_t pack(IoState& state) {
  return reinterpret_cast<std::uintptr_t>(&state) | (std::uint64_t{state.generation} << kPointerBits);
}

class EpollPoller final : public Poller {
 public:
  EpollPoller() : epoll_(epoll_create1(EPOLL_CLOEXEC)), wakeup_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    WEIR_CHECK(epoll_ >= 0 && wakeup_ >= 0, "no descriptors for a poller: raise the limit of open files");
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = 0}};
    WEIR_CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, wakeup_, &event) == 0, "epoll refuses an eventfd");
  }
  ~EpollPoller() override {
    close(epoll_);
    close(wakeup_);
  }
  EpollPoller(const EpollPoller&) = delete;
  EpollPoller& operator=(const EpollPoller&) = delete;

  Result<> add(int fd, IoState& state) override {
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u64 = pack(state)}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0)
      return std::unexpected(system_error(errno, "epoll"));
    return {};
  }

  std::size_t poll(TimePoint now, TimePoint deadline) override {
    std::array<epoll_event, kBatch> events;
    rounds_.begin();
    const int count = wait(events, now, deadline);
    std::size_t delivered = 0;
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.u64 == 0) {
        drain_wakeup();
        continue;
      }
      WEIR_SHAKE_HERE("deliver");
      auto* state = reinterpret_cast<IoState*>(event.data.u64 & ((1ull << kPointerBits) - 1));
      const auto generation = static_cast<std::uint16_t>(event.data.u64 >> kPointerBits);
      state->deliver(generation, (event.events & EPOLLIN) != 0, (event.events & EPOLLOUT) != 0,
                     (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
      ++delivered;
    }
    if (count >= 0 && count < kBatch) rounds_.end_whole(now);
    return delivered;
  }

  void notify() override {
    if (notified_.exchange(true, std::memory_order_acq_rel)) return;
    WEIR_SHAKE_HERE("notify");
    const std::uint64_t one = 1;
    // Fails only when the counter is full: then it is readable already.
    [[maybe_unused]] const auto written = write(wakeup_, &one, sizeof one);
  }

 private:
  static constexpr int kBatch = 128;

  // The number of events; -1, as none, when a signal came.
  int wait(std::array<epoll_event, kBatch>& events, TimePoint now, TimePoint deadline) {
    const Duration span = deadline > now ? deadline - now : Duration::zero();
    if (precise_.load(std::memory_order_relaxed)) {
      const timespec wait{.tv_sec = span / 1s, .tv_nsec = (span % 1s).count()};
      const int count =
          epoll_pwait2(epoll_, events.data(), kBatch, deadline == kNever ? nullptr : &wait, nullptr);
      // Linux before 5.11, or a sandbox that has not heard of the call.
      if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
      precise_.store(false, std::memory_order_relaxed);
    }
    // Rounded up: it may wait too long by less than a millisecond, never spin.
    constexpr Duration kLongest = 1h;
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(std::min(span, kLongest)).count();
    return epoll_wait(epoll_, events.data(), kBatch,
                      deadline == kNever ? -1 : static_cast<int>(milliseconds));
  }

  void drain_wakeup() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto taken = read(wakeup_, &count, sizeof count);
    WEIR_SHAKE_HERE("drained");
    // After the read: a notify() that comes between writes once more.
    // An exchange, to acquire what a notify() that found it set had done before.
    notified_.exchange(false, std::memory_order_acq_rel);
  }

  const int epoll_;
  const int wakeup_;
  std::atomic<bool> notified_{false};
  std::atomic<bool> precise_{true};  // the kernel takes nanoseconds; relaxed: a hint
};

}  // namespace

std::unique_ptr<Poller> make_epoll_poller() { return std::make_unique<EpollPoller>(); }

}  // namespace weir::core::internal

#include "weir/core/descriptor.h"

#include <unistd.h>

#include <mutex>

#include "weir/base/check.h"
#include "weir/core/internal/processor.h"
#include "weir/core/internal/scheduler.h"
#include "weir/core/now.h"

namespace weir::core {

using internal::Direction;

namespace {

// No longer than a message takes to the peer of a usual connection and back: what
// has come meanwhile would have come after a look, too.
constexpr Duration kQuietKnownFor = 1ms;

}  // namespace

Result<Descriptor> Descriptor::adopt(int fd) { return adopt(fd, internal::Processor::current().index()); }

Result<Descriptor> Descriptor::adopt(int fd, unsigned processor) {
  Runtime& runtime = Runtime::current();
  internal::Scheduler& scheduler = runtime.scheduler();
  Descriptor descriptor(fd, scheduler.io_states().acquire(), runtime);
  descriptor.state_->seat = static_cast<std::uint16_t>(processor);
  if (Result<> added = scheduler.seat(processor).poller->add(fd, *descriptor.state_); !added) {
    return std::unexpected(added.error());
  }
  return descriptor;
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
    state_ = std::exchange(other.state_, nullptr);
    runtime_ = other.runtime_;
  }
  return *this;
}

void Descriptor::close() {
  if (fd_ < 0) return;
  ::close(std::exchange(fd_, -1));
  runtime_->scheduler().io_states().release(std::exchange(state_, nullptr));
}

Descriptor::Readiness Descriptor::readable(Context& context, TimePoint deadline) {
  return {*state_, Direction::read, context, deadline};
}

Descriptor::Readiness Descriptor::writable(Context& context, TimePoint deadline) {
  return {*state_, Direction::write, context, deadline};
}

void Descriptor::assume_readable() {
  const std::lock_guard guard(state_->lock);
  state_->ready[static_cast<std::size_t>(Direction::read)] = true;
}

std::uint64_t Descriptor::quiet_mark() const {
  return runtime_->scheduler().seat(state_->seat).poller->rounds().begun();
}

bool Descriptor::quiet_since(std::uint64_t mark) const {
  const internal::PollRounds& rounds = runtime_->scheduler().seat(state_->seat).poller->rounds();
  if (rounds.whole() <= mark || now() - rounds.whole_at() > kQuietKnownFor) return false;
  const std::lock_guard guard(state_->lock);
  return !state_->ready[static_cast<std::size_t>(Direction::read)] && !state_->hung_up;
}

void Descriptor::cancel_on_hang_up(Context* context) {
  const std::lock_guard guard(state_->lock);
  state_->cancel_on_hang_up = context;
  if (context != nullptr && state_->hung_up) context->cancel();
}

bool Descriptor::Readiness::await_ready() { return false; }

bool Descriptor::Readiness::await_suspend(TaskHandle task) {
  {
    const std::lock_guard guard(state_.lock);
    WEIR_DCHECK(state_.waiter[side_] == nullptr, "two tasks wait for one direction of a descriptor");
    // After a hang-up reading never waits, and no further edge would say so.
    const bool at_end = state_.hung_up && side_ == static_cast<std::size_t>(Direction::read);
    if (std::exchange(state_.ready[side_], false) || at_end) {
      was_ready_ = true;
      return false;
    }
    state_.waiter[side_] = &wait_.parking();
  }
  return wait_.suspend(task);
}

Result<> Descriptor::Readiness::await_resume() {
  if (was_ready_) return {};
  const Wake outcome = wait_.finish();
  if (outcome == Wake::ready) return {};
  const std::lock_guard guard(state_.lock);
  if (state_.waiter[side_] == &wait_.parking()) state_.waiter[side_] = nullptr;
  return std::unexpected(wait_.error(outcome, "io"));
}

}  // namespace weir::core

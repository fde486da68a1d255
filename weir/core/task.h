// task<T>: a coroutine that starts when it is awaited and gives its result to
// the one that awaits it.
//
//   task<Result<int>> twice(Context& ctx, int x) {
//     if (auto slept = co_await sleep_for(ctx, 10ms); !slept) co_return std::unexpected(slept.error());
//     co_return 2 * x;
//   }
//   int four = *co_await twice(ctx, 2);
//
// A task is awaited once, as an rvalue, or given to Scope::spawn with a permit.
// There is no other way to run one, and none to detach it. Destroying a task
// that has not started is fine. An exception that leaves it is rethrown to
// whoever awaits or joins.
//
// Parameters are kept as declared: take by value what must outlive the call.
// Never write a coroutine as a capturing lambda that outlives its expression.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "weir/base/check.h"
#include "weir/base/result.h"
#include "weir/core/internal/frames.h"
#include "weir/core/internal/runnable.h"
#include "weir/core/internal/site.h"
#include "weir/core/limit.h"

namespace weir::core {

class Scope;

template <typename T = void>
class task;

namespace internal {

class ForkPoint;
template <typename Make, typename Results>
class Forking;

// What the end of a part looks at that runs in its parent, whatever the type of
// the fork.
struct PartOwner {
  void* result;  // a T, which gets what the part gives
  // The parent called the part and has not been left since: when the part has
  // ended it returns, as a function does.
  bool calls;
};

// What every task's frame begins with: whom its end is told to. A task is
// awaited by another, which takes its exception; or a scope or a fork started
// it, under a permit that it holds, and gets its exception at once.
class TaskPromise : public Runnable {
 public:
  TaskPromise() noexcept {}
  ~TaskPromise() {
    switch (owner_ & kOwnerBits) {
      case kAwaiting: exception_.~exception_ptr(); break;
      case kPart: break;  // its exceptions are the fork's
      default: release_permit(); break;
    }
  }
  TaskPromise(const TaskPromise&) = delete;
  TaskPromise& operator=(const TaskPromise&) = delete;

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) { free_frame(frame, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept;

  // Notes where the task waits, for who asks later.
  template <typename Awaitable>
  Awaitable&& await_transform(Awaitable&& awaitable,
                              std::source_location site = std::source_location::current()) noexcept {
    site_ = pack(site);
    return static_cast<Awaitable&&>(awaitable);
  }

  void awaited_by(std::coroutine_handle<> awaiting) {
    owner_ = reinterpret_cast<std::uintptr_t>(awaiting.address());
  }
  void spawned_by(Scope& scope, Permit&& permit) { own(&scope, kSpawned, std::move(permit)); }
  void part_of(PartOwner& fork) { owner_ = reinterpret_cast<std::uintptr_t>(&fork) | kPart; }
  // Makes the part a task of its own, and runnable.
  static void forked_by(ForkPoint& fork, Permit permit, task<void> part);

  // What to resume once the task has ended. The frame may be gone on return.
  std::coroutine_handle<> ended(std::coroutine_handle<> frame, const Error* error) noexcept {
    if ((owner_ & kOwnerBits) != kAwaiting) return tell_owner(frame, error);
    return std::coroutine_handle<>::from_address(reinterpret_cast<void*>(owner_));
  }
  // For who reads it while it is suspended.
  PackedSite site() const { return site_; }
  // The frame of the task that goes on when this one has ended; null: none, or
  // not this one alone.
  const void* awaiting() const;
  bool started_apart() const { return holds_permit(); }
  const Limit* limit() const { return holds_permit() ? limit_ : nullptr; }

  // Of an awaited task.
  void rethrow() const {
    if (exception_) std::rethrow_exception(exception_);
  }

 protected:
  // Whose part it is, and runs in the parent; or null.
  PartOwner* fork() const { return (owner_ & kOwnerBits) == kPart ? &owner<PartOwner>() : nullptr; }

 public:
  // True: it was called as a part, and has only to return.
  bool returns() const noexcept {
    const PartOwner* const of = fork();
    return of != nullptr && of->calls;
  }

 private:
  // In the lowest bits of owner_.
  static constexpr std::uintptr_t kAwaiting = 0;  // a coroutine's frame
  static constexpr std::uintptr_t kSpawned = 1;   // a Scope
  static constexpr std::uintptr_t kPart = 2;      // a PartOwner
  static constexpr std::uintptr_t kForked = 3;    // a ForkPoint, which made it a task
  static constexpr std::uintptr_t kOwnerBits = 3;

  bool holds_permit() const { return (owner_ & 1) != 0; }
  template <typename Owner>
  Owner& owner() const {
    return *reinterpret_cast<Owner*>(owner_ & ~kOwnerBits);
  }
  void own(void* owner, std::uintptr_t kind, Permit&& permit);
  void release_permit() { const Permit permit(*limit_, permit_weight_); }
  std::coroutine_handle<> tell_owner(std::coroutine_handle<> frame, const Error* error) noexcept;

  std::uintptr_t owner_ = 0;
  union {
    std::exception_ptr exception_ = nullptr;  // while it is awaited
    Limit* limit_;                            // of its permit
  };
  std::uint32_t permit_weight_ = 0;
  PackedSite site_ = {};
};
static_assert(sizeof(TaskPromise) == 4 * sizeof(void*), "there may be a hundred million of them");

template <typename T>
struct ValuePromise : TaskPromise {
  std::optional<T> value;

  template <typename U = T>
    requires std::is_constructible_v<T, U&&>
  void return_value(U&& result) {
    if constexpr (std::is_move_assignable_v<T>) {
      if (const PartOwner* const of = this->fork()) {
        *static_cast<T*>(of->result) = T(std::forward<U>(result));
        return;
      }
    }
    value.emplace(std::forward<U>(result));
  }
  T take() {
    rethrow();
    return std::move(*value);
  }
  const Error* error() const {
    if constexpr (std::is_same_v<T, Result<>>) {
      if (value && !value->has_value()) return &value->error();
    }
    return nullptr;
  }
};

struct VoidPromise : TaskPromise {
  void return_void() const noexcept {}
  void take() const { rethrow(); }
  const Error* error() const { return nullptr; }
};

struct FinalAwaiter {
  bool returns;  // the frame's end is that of a call: nobody is to be resumed

  bool await_ready() const noexcept { return returns; }
  template <typename Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> finished) const noexcept {
    return finished.promise().ended(finished, finished.promise().error());
  }
  void await_resume() const noexcept {}
};

}  // namespace internal

template <typename T>
class [[nodiscard]] task {
 public:
  struct promise_type
      : std::conditional_t<std::is_void_v<T>, internal::VoidPromise, internal::ValuePromise<T>> {
    task get_return_object() { return task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    internal::FinalAwaiter final_suspend() const noexcept { return {this->returns()}; }
  };
  static_assert(alignof(promise_type) <= 2 * sizeof(void*), "Runnable::handle() finds the frame by it");

  task(task&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
  task& operator=(task&& other) noexcept {
    if (this != &other) {
      if (frame_) frame_.destroy();
      frame_ = std::exchange(other.frame_, {});
    }
    return *this;
  }
  ~task() {
    if (frame_) frame_.destroy();
  }

  // False once moved from or spawned.
  bool valid() const { return static_cast<bool>(frame_); }

  auto operator co_await() && {
    WEIR_DCHECK(frame_, "a task is awaited once");
    return Awaiter{frame_};
  }

 private:
  friend class Scope;
  friend class Runtime;
  friend class internal::TaskPromise;
  template <typename Make, typename Results>
  friend class internal::Forking;

  // Only a task awaits a task: any other coroutine would be one without a permit.
  struct Awaiter {
    std::coroutine_handle<promise_type> frame;
    bool await_ready() const noexcept { return false; }
    template <std::derived_from<internal::TaskPromise> Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) const noexcept {
      frame.promise().awaited_by(awaiting);
      return frame;
    }
    T await_resume() const { return frame.promise().take(); }
  };

  explicit task(std::coroutine_handle<promise_type> frame) : frame_(unelided(frame)) {}

  // Keeps the compiler from putting the frame into its caller's, where no list
  // of tasks would find it (task_dump.h): it cannot tell that both are one.
  static std::coroutine_handle<promise_type> unelided(std::coroutine_handle<promise_type> frame) {
    void* address = frame.address();
    asm("" : "+r"(address));
    return std::coroutine_handle<promise_type>::from_address(address);
  }

  std::coroutine_handle<promise_type> release() { return std::exchange(frame_, {}); }

  std::coroutine_handle<promise_type> frame_;
};

}  // namespace weir::core

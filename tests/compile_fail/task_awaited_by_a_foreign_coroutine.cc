// A coroutine type that starts by itself would be a task without a permit as
// soon as it awaited one.
// expect: (no matching|constraint|associated constraints|await_suspend)
#include <utility>

#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"

using weir::Result;
using weir::core::Context;
using weir::core::Limit;
using weir::core::Permit;
using weir::core::Scope;
using weir::core::task;

struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};

task<> work() { co_return; }

#ifdef MUST_FAIL
Detached start() { co_await work(); }
#else
task<> start() { co_await work(); }
#endif

void use() { static_cast<void>(start()); }

// What a call that sends returns: done already, as nearly always, or the rest
// of it to wait for. Costs no coroutine while the peer keeps up.
//
// Await it at once: Result<>.
//
//   if (Result<> sent = co_await exchange.write(piece); !sent) co_return;
#pragma once

#include <coroutine>
#include <optional>
#include <utility>

#include "weir/base/result.h"
#include "weir/core/task.h"

namespace weir::http {

class [[nodiscard]] Sending {
 public:
  Sending(Result<> done) : done_(done) {}  // NOLINT(google-explicit-constructor): what it stands for
  Sending(std::unexpected<Error> failed) : done_(failed) {}       // NOLINT(google-explicit-constructor)
  Sending(core::task<Result<>> rest) : rest_(std::move(rest)) {}  // NOLINT(google-explicit-constructor)

  bool is_done() const { return !rest_.has_value(); }

  auto operator co_await() && { return Awaiter{*this, std::nullopt}; }

 private:
  using Rest = decltype(std::declval<core::task<Result<>>>().operator co_await());

  struct Awaiter {
    Sending& sending;
    std::optional<Rest> rest;

    bool await_ready() const noexcept { return sending.is_done(); }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) {
      rest.emplace(std::move(*sending.rest_).operator co_await());
      return rest->await_suspend(awaiting);
    }
    Result<> await_resume() { return rest ? rest->await_resume() : sending.done_; }
  };

  Result<> done_;
  std::optional<core::task<Result<>>> rest_;
};

}  // namespace weir::http

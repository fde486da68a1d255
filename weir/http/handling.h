// What a route does with a request: handlers and what stands around them.
//
// A handler is a coroutine function, a Handler, or a member function of an object:
//
//   core::task<void> hello(Exchange& exchange);
//   core::task<Result<>> show_user(Exchange& exchange, const PathParams& path);   // errors: problem+json
//   HandlerRef of_object = bind<&Shop::list>(shop);
//
// Middleware is a function around the rest: it looks, answers itself or goes on, and
// sees how that ended.
//
//   core::task<void> require_key(Exchange& exchange, Next next) {
//     if (!exchange.request().headers.get("X-Key")) {
//       (void)co_await respond_problem(exchange, {.status = 401});
//       co_return;
//     }
//     co_await next(exchange);
//   }
//
// All of them are two words that own nothing: the objects they name outlive what
// they are given to. Coroutine functions get what they need as parameters, so that
// nothing is captured that could be gone before they are.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "weir/base/result.h"
#include "weir/core/task.h"
#include "weir/http/exchange.h"
#include "weir/http/server.h"

namespace weir::http {

class Router;

// What the parts of a pattern in braces stand for in the request at hand, decoded.
// Views into the request, valid until the handler returns.
class PathParams {
 public:
  // In one pattern.
  static constexpr std::size_t kMax = 8;

  // WEIR_CHECKs that the pattern has it.
  std::string_view operator[](std::string_view name) const;
  // Errors: invalid (malformed: not a whole number of 64 bits in digits).
  Result<std::int64_t> integer(std::string_view name) const;
  // "GET /users/{id}", as it was declared; empty where no route matches.
  std::string_view pattern() const { return pattern_; }

 private:
  friend class Router;

  std::string_view pattern_;
  std::span<const std::string> names_;
  std::array<std::string_view, kMax> values_{};
};

class Next;

namespace internal {

// Whom a call is for.
union Target {
  void* object;
  void (*function)();
};

using HandlerCall = core::task<void>(Target target, Exchange& exchange, const PathParams& path);
using MiddlewareCall = core::task<void>(Target target, Exchange& exchange, Next next);

// Answers with the error that `handling` ends with.
core::task<void> answer_errors(core::task<Result<>> handling, Exchange& exchange);

inline core::task<void> as_handling(core::task<void> handling, Exchange&) { return handling; }
inline core::task<void> as_handling(core::task<Result<>> handling, Exchange& exchange) {
  return answer_errors(std::move(handling), exchange);
}

template <typename R>
concept Handled = std::same_as<R, core::task<void>> || std::same_as<R, core::task<Result<>>>;

// Calls with the path where it is wanted.
template <typename F>
auto call_handler(F&& function, Exchange& exchange, const PathParams& path) {
  if constexpr (std::invocable<F, Exchange&, const PathParams&>) {
    return as_handling(function(exchange, path), exchange);
  } else {
    return as_handling(function(exchange), exchange);
  }
}

template <typename F>
concept HandlerFunction = requires(F function) {
  requires std::is_pointer_v<std::decay_t<decltype(+function)>>;
  requires requires(Exchange& e, const PathParams& p) {
    { function(e, p) } -> Handled;
  } || requires(Exchange& e) {
    { function(e) } -> Handled;
  };
};

template <typename F>
concept MiddlewareFunction = std::convertible_to<F, core::task<void> (*)(Exchange&, Next)>;

}  // namespace internal

class HandlerRef {
 public:
  // NOLINTBEGIN(google-explicit-constructor): each stands for what it is made of
  HandlerRef(Handler& handler) : target_{.object = &handler}, call_(&call_object) {}
  // A function, or a lambda without captures.
  template <internal::HandlerFunction F>
  HandlerRef(F function) : call_(&call_function<std::decay_t<decltype(+function)>>) {
    target_.function = reinterpret_cast<void (*)()>(+function);
  }
  // NOLINTEND(google-explicit-constructor)

  core::task<void> operator()(Exchange& exchange, const PathParams& path) const {
    return call_(target_, exchange, path);
  }

 private:
  template <auto Method, typename T>
  friend auto bind(T& object);
  HandlerRef(internal::Target target, internal::HandlerCall* call) : target_(target), call_(call) {}

  static core::task<void> call_object(internal::Target target, Exchange& exchange, const PathParams&) {
    return static_cast<Handler*>(target.object)->handle(exchange);
  }
  template <typename F>
  static core::task<void> call_function(internal::Target target, Exchange& exchange, const PathParams& path) {
    return internal::call_handler(reinterpret_cast<F>(target.function), exchange, path);
  }

  internal::Target target_;
  internal::HandlerCall* call_;
};

class Middleware {
 public:
  template <internal::MiddlewareFunction F>
  Middleware(F function);  // NOLINT(google-explicit-constructor): as HandlerRef's

 private:
  friend class Next;
  template <auto Method, typename T>
  friend auto bind(T& object);
  Middleware(internal::Target target, internal::MiddlewareCall* call) : target_(target), call_(call) {}

  internal::Target target_;
  internal::MiddlewareCall* call_;
};

// The rest of what is to be done with a request. A value, to be called once, while
// the middleware runs that was given it.
class Next {
 public:
  // `exchange`: the one at hand, or one that stands in for it and outlives the call.
  core::task<void> operator()(Exchange& exchange) const {
    if (around_.empty()) return (*handler_)(exchange, *path_);
    const Middleware& first = around_.front();
    return first.call_(first.target_, exchange, Next(around_.subspan(1), *handler_, *path_));
  }
  // Of the route that was found.
  const PathParams& path() const { return *path_; }

  // For who composes by hand; all of it outlives the call.
  Next(std::span<const Middleware> around, const HandlerRef& handler, const PathParams& path)
      : around_(around), handler_(&handler), path_(&path) {}

 private:
  std::span<const Middleware> around_;
  const HandlerRef* handler_;
  const PathParams* path_;
};

template <internal::MiddlewareFunction F>
Middleware::Middleware(F function)
    : call_([](internal::Target target, Exchange& exchange, Next next) {
        const auto self = reinterpret_cast<core::task<void> (*)(Exchange&, Next)>(target.function);
        return self(exchange, next);
      }) {
  core::task<void> (*plain)(Exchange&, Next) = function;
  target_.function = reinterpret_cast<void (*)()>(plain);
}

// A member function as a handler or, where it takes a Next, as middleware. The
// object outlives it.
template <auto Method, typename T>
auto bind(T& object) {
  internal::Target target{.object = &object};
  if constexpr (std::invocable<decltype(Method), T&, Exchange&, Next>) {
    return Middleware(target, [](internal::Target of, Exchange& exchange, Next next) -> core::task<void> {
      return (static_cast<T*>(of.object)->*Method)(exchange, next);
    });
  } else {
    return HandlerRef(
        target, [](internal::Target of, Exchange& exchange, const PathParams& path) -> core::task<void> {
          T& self = *static_cast<T*>(of.object);
          if constexpr (std::invocable<decltype(Method), T&, Exchange&, const PathParams&>) {
            return internal::as_handling((self.*Method)(exchange, path), exchange);
          } else {
            return internal::as_handling((self.*Method)(exchange), exchange);
          }
        });
  }
}

}  // namespace weir::http

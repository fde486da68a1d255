// multipart/form-data as it arrives (RFC 7578): part by part, without a copy, and
// no faster than it is read.
//
//   Result<Multipart> form = Multipart::of(exchange.request().headers, exchange.body());
//   if (!form) co_return std::unexpected(form.error());
//   for (;;) {
//     const Result<bool> more = co_await form->next(exchange.context());
//     if (!more) co_return std::unexpected(more.error());
//     if (!*more) break;
//     if (form->part().name == "picture") {
//       ... co_await form->read(context) until it is empty ...
//     }
//   }
//
// One task at a time. The body outlives it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/body.h"
#include "weir/http/headers.h"
#include "weir/http/multipart_limits.h"

namespace weir::http {

class Multipart {
 public:
  struct Part {
    std::string name;      // of the form's field; empty: it has none
    std::string filename;  // as the client has it: no path to be trusted. Empty: none
    std::string content_type;
    const Headers* headers = nullptr;  // all of them, until the next part
  };

  // Of a request, or of a part that is itself multipart. Errors: unsupported when
  // the Content-Type is not multipart; invalid (malformed) when it has no
  // boundary, or one that is not of 1 to 70 characters (RFC 2046).
  static Result<Multipart> of(const Headers& headers, BodySource& body, const MultipartLimits& limits);
  static Result<Multipart> of(const Headers& headers, BodySource& body) {
    return of(headers, body, MultipartLimits{});
  }
  Multipart(Multipart&&) noexcept;
  Multipart& operator=(Multipart&&) noexcept;
  ~Multipart();

  // Goes on to the next part, past what is left of the present one. False: there
  // is none. Errors: those of BodySource::next; invalid (malformed, too_large).
  core::task<Result<bool>> next(core::Context& context);
  const Part& part() const;
  // The next bytes of the part; empty: its end. Valid until the next call.
  // Errors and cancellation: as next().
  core::task<Result<std::span<const std::byte>>> read(core::Context& context);
  // What is left of the part, which MultipartLimits::part bounds.
  core::task<Result<std::string>> text(core::Context& context);

 private:
  struct State;
  explicit Multipart(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace weir::http

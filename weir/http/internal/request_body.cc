#include "weir/http/internal/request_body.h"

#include <algorithm>

#include "weir/base/check.h"
#include "weir/core/now.h"
#include "weir/http/internal/pace.h"

namespace weir::http::internal {
namespace {

Error error_for(Refusal refusal) {
  switch (refusal) {
    case Refusal::body_too_large:
      return {.kind = ErrorKind::invalid, .reason = Reason::too_large, .where = "request body"};
    case Refusal::truncated:
      return {.kind = ErrorKind::disconnected, .reason = Reason::closed, .where = "request body"};
    case Refusal::body_timeout:
      return {.kind = ErrorKind::disconnected, .reason = Reason::timed_out, .where = "request body"};
    default: return {.kind = ErrorKind::invalid, .reason = Reason::malformed, .where = "request body"};
  }
}

}  // namespace

void RequestBody::begin() {
  length_ = parser_.body_length();
  received_ = 0;
  waited_ = {};
  complete_ = length_ == BodyLength::none() || length_ == BodyLength::known(0);
  // A client that has sent some of it already does not wait.
  expects_continue_ = parser_.expects_continue();
  continue_due_ = expects_continue_ && input_.unread().empty();
  failure_.reset();
  refusal_ = Refusal::none;
}

std::optional<std::uint64_t> RequestBody::length() const {
  if (length_.kind == BodyLength::Kind::chunked) return std::nullopt;
  return length_.bytes;
}

const Headers* RequestBody::trailers() const {
  return complete_ && !parser_.trailers().empty() ? &parser_.trailers() : nullptr;
}

core::task<Result<std::span<const std::byte>>> RequestBody::next(core::Context& context) {
  if (failure_) co_return std::unexpected(*failure_);
  if (complete_) co_return Piece();
  if (continue_due_) {
    continue_due_ = false;
    output_.held().append("HTTP/1.1 100 Continue\r\n\r\n");
    if (Result<> sent = co_await output_.send(); !sent) co_return fail_for_good(sent.error());
  }
  for (;;) {
    const Parser::Step step = parser_.next(input_.unread());
    input_.consume(step.consumed);
    switch (step.event) {
      case Parser::Event::body: received_ += step.body.size(); co_return step.body;
      case Parser::Event::end:
        complete_ = true;
        hang_up_.update(input_.is_drained());
        co_return Piece();
      case Parser::Event::refused: co_return refuse(parser_.refusal());
      case Parser::Event::head: WEIR_CHECK(false, "a head within a body");
      case Parser::Event::need_more: break;
    }
    if (Result<> more = co_await receive(context, 1); !more) co_return std::unexpected(more.error());
  }
}

std::size_t RequestBody::to_gather() const {
  static_assert(kGatheredMax <= kReadBytes, "what is gathered lies in the buffer that is read into");
  if (complete_ || failure_ || continue_due_ || length_.kind != BodyLength::Kind::known) return 0;
  return static_cast<std::size_t>(std::min<std::uint64_t>(length_.bytes - received_, kGatheredMax));
}

core::task<Result<>> RequestBody::gather(core::Context& context) {
  if (failure_) co_return std::unexpected(*failure_);
  co_return co_await receive(context, to_gather());
}

core::task<Result<>> RequestBody::receive(core::Context& context, std::size_t bytes) {
  while (input_.unread().size() < bytes) {
    if (input_.may_have_more()) {
      const Result<Input::Got> got = input_.read();
      if (!got) co_return fail_for_good(got.error());
      if (*got == Input::Got::end) {
        parser_.finish();
        co_return refuse(Refusal::truncated);
      }
      continue;
    }
    // Replies to earlier requests, and a reply that was begun, need not wait.
    if (!output_.empty()) {
      if (Result<> sent = co_await output_.send(); !sent) co_return fail_for_good(sent.error());
    }
    input_.release();
    const std::uint64_t came = received_ + input_.unread().size();
    const TimePoint began = core::now();
    const TimePoint deadline =
        saturating_add(began, pace_.grace + earned(came, pace_.bytes_per_s_min) - waited_);
    const Result<> ready = co_await socket_.readable(context, deadline);
    waited_ += core::now() - began;
    if (ready) {
      input_.expect_more();
      continue;
    }
    // The caller's own deadline may pass without harm to the body.
    const bool too_slow = ready.error().kind == ErrorKind::deadline && deadline < context.deadline();
    if (too_slow) co_return refuse(Refusal::body_timeout);
    co_return ready;
  }
  co_return Result<>{};
}

std::unexpected<Error> RequestBody::fail_for_good(const Error& error) {
  failure_ = error;
  return std::unexpected(error);
}

std::unexpected<Error> RequestBody::refuse(Refusal refusal) {
  refusal_ = refusal;
  return fail_for_good(error_for(refusal));
}

bool RequestBody::may_be_discarded(std::uint64_t bytes) const {
  if (complete_) return true;
  // Whether a client that waits for "100 Continue" will send its body after
  // another reply, nobody can tell.
  if (failure_ || (expects_continue_ && received_ == 0)) return false;
  return length_.kind != BodyLength::Kind::known || length_.bytes - received_ <= bytes;
}

core::task<bool> RequestBody::discard(core::Context& context, std::uint64_t bytes) {
  const std::uint64_t received_max = received_ + bytes;
  while (!complete_) {
    const Result<Piece> piece = co_await next(context);
    if (!piece || received_ > received_max) co_return false;
  }
  co_return true;
}

}  // namespace weir::http::internal

// One request over HTTP/2 and its response, whose body it is: what ClientConnection
// is over HTTP/1.
//
// One task at a time; while a request's body is sent and the response waited for,
// a second one of its own. Destroyed before the response's end, it resets its
// stream, and its connection goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/limit.h"
#include "weir/core/scope.h"
#include "weir/core/task.h"
#include "weir/http/body.h"
#include "weir/http/internal/h2_client_pool.h"
#include "weir/http/internal/h2_client_stream.h"
#include "weir/http/internal/request_sender.h"
#include "weir/http/message.h"

namespace weir::http::internal {

class H2ClientExchange final : public BodySource {
 public:
  explicit H2ClientExchange(H2ClientPool::Lease lease) : lease_(std::move(lease)) {}
  ~H2ClientExchange() override;
  H2ClientExchange(const H2ClientExchange&) = delete;
  H2ClientExchange& operator=(const H2ClientExchange&) = delete;

  // As ClientConnection::exchange().
  core::task<Result<>> exchange(core::Context& context, const Outgoing& request);

  // After an exchange that failed: the request may be sent again, whatever its
  // method, for the server has not begun with it and its body is still here.
  bool may_repeat() const;
  // It failed as one does whose connection the server had closed before.
  bool is_stale() const;

  const ResponseHead& head() const { return stream_.head; }
  core::task<Result<std::span<const std::byte>>> next(core::Context& context) override;
  std::optional<std::uint64_t> length() const override;
  const Headers* trailers() const override;

 private:
  H2ClientConnection& connection() const { return lease_.connection(); }
  bool sending() const { return body_ != nullptr; }
  Result<> begin(const Outgoing& request);
  core::task<Result<>> wait_changed(core::Context& context);
  core::task<void> send_meanwhile(core::Scope& scope);
  core::task<Result<>> send_rest(core::Context& context);
  // The next piece is on its way, or the end.
  Result<> offer(std::span<const std::byte> piece);
  Result<> take_length(std::span<const std::byte> piece);
  // No more of the request, whatever is left.
  void stop_sending();

  H2ClientPool::Lease lease_;
  H2ClientStream stream_;
  core::Limit senders_{{.name = "request body", .limit = 1}};
  BodySource* body_ = nullptr;  // null once it has been read to its end
  std::optional<std::uint64_t> body_length_;
  std::uint64_t body_taken_ = 0;
  bool body_asked_ = false;          // for more than the first piece
  std::optional<Error> body_error_;  // of the request's body
  bool opened_ = false;
  bool answers_head_ = false;
  std::vector<std::byte> piece_;  // handed out
};

}  // namespace weir::http::internal

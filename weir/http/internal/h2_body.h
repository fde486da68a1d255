// The body of a request on HTTP/2, as far as it has come: at most the stream's
// window, which opens again as the handler reads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "weir/core/event.h"
#include "weir/http/body.h"
#include "weir/http/internal/h2_link.h"
#include "weir/http/refusal.h"

namespace weir::http::internal {

class H2Body final : public BodySource {
 public:
  explicit H2Body(H2Link& link) : link_(link) {}

  // The link's mutex is held, and so for all up to next().
  // A stream is open: what comes before begin(), or without it, is thrown away.
  void open(std::int32_t stream);
  void begin(BodyLength length, bool expects_continue);
  // Bytes that have arrived; what nobody will read is counted as read.
  void append(std::span<const std::uint8_t> bytes);
  void end();
  // No more will come. Without effect on a complete body.
  void cut_off(const Error& error);
  void refuse(Refusal refusal, const Error& error);
  // The handler reads no more: the connection's window gets back what is unread.
  void leave();
  // Too late for "100 Continue".
  void stop_continue() { continue_due_ = false; }
  Headers& trailers_to_fill() { return trailers_; }

  bool complete() const { return complete_; }
  // Whether what is left, which nobody will read, may come to its end: as on
  // HTTP/1 within Options::discard_max, as far as can be told.
  bool may_be_discarded() const;
  // Why it was refused; none where the stream broke.
  Refusal refusal() const { return refusal_; }
  bool failed() const { return failure_.has_value(); }

  core::task<Result<std::span<const std::byte>>> next(core::Context& context) override;
  core::task<Result<>> gather(core::Context& context) override;
  bool gathered() const override;
  std::optional<std::uint64_t> length() const override;
  const Headers* trailers() const override;

 private:
  using Piece = std::span<const std::byte>;

  // What next() gives without a wait.
  std::optional<Result<Piece>> take_locked();
  void give_back_locked();
  void send_continue_locked();
  bool gathered_locked() const;
  // Makes ready for wait(), which is called without the mutex: until when.
  TimePoint expect_locked(TimePoint now);
  core::task<Result<>> wait(core::Context& context, TimePoint began, TimePoint deadline);

  H2Link& link_;
  core::Event arrival_;
  // Guarded by the link's mutex.
  std::int32_t stream_ = 0;
  BodyLength length_;
  std::string arrived_;
  std::string reading_;  // handed out
  Headers trailers_;
  std::uint64_t received_ = 0;
  std::uint64_t discarded_ = 0;
  Duration waited_ = {};
  bool complete_ = true;
  bool unwanted_ = false;  // nobody will read it
  bool continue_due_ = false;
  std::optional<Error> failure_;
  Refusal refusal_ = Refusal::none;
};

}  // namespace weir::http::internal

// The body of the request at hand, read off the connection as it is asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "weir/http/body.h"
#include "weir/http/internal/hang_up_watch.h"
#include "weir/http/internal/input.h"
#include "weir/http/internal/output.h"
#include "weir/http/parser.h"

namespace weir::http::internal {

class RequestBody final : public BodySource {
 public:
  // How slowly it may come, see Server::Options.
  struct Pace {
    Duration grace;
    std::uint64_t bytes_per_s_min;
  };

  // Of one connection; all of it outlives the body.
  struct Wire {
    net::Socket& socket;
    Input& input;
    Output& output;
    Parser& parser;
    HangUpWatch& hang_up;
  };

  RequestBody(const Wire& wire, Pace pace)
      : socket_(wire.socket),
        input_(wire.input),
        output_(wire.output),
        parser_(wire.parser),
        hang_up_(wire.hang_up),
        pace_(pace) {}

  // The parser has just reported a head.
  void begin();
  // Too late for "100 Continue": the reply has begun.
  void stop_continue() { continue_due_ = false; }

  core::task<Result<std::span<const std::byte>>> next(core::Context& context) override;
  core::task<Result<>> gather(core::Context& context) override;
  bool gathered() const override { return input_.unread().size() >= to_gather(); }
  std::optional<std::uint64_t> length() const override;
  const Headers* trailers() const override;

  bool complete() const { return complete_; }
  // Why the body was refused; none where the connection broke.
  Refusal refusal() const { return refusal_; }
  bool failed() const { return failure_.has_value(); }

  // Whether what is left is within `bytes` as far as can be told, and comes
  // without being asked for.
  bool may_be_discarded(std::uint64_t bytes) const;
  // Reads what is left. False: there is more than `bytes`, or it failed.
  core::task<bool> discard(core::Context& context, std::uint64_t bytes);

 private:
  using Piece = std::span<const std::byte>;

  std::size_t to_gather() const;
  // Until so many bytes are unread.
  core::task<Result<>> receive(core::Context& context, std::size_t bytes);
  std::unexpected<Error> fail_for_good(const Error& error);
  std::unexpected<Error> refuse(Refusal refusal);

  net::Socket& socket_;
  Input& input_;
  Output& output_;
  Parser& parser_;
  HangUpWatch& hang_up_;
  const Pace pace_;

  BodyLength length_;
  std::uint64_t received_ = 0;
  Duration waited_ = {};
  bool complete_ = true;
  bool continue_due_ = false;
  bool expects_continue_ = false;
  std::optional<Error> failure_;
  Refusal refusal_ = Refusal::none;
};

}  // namespace weir::http::internal

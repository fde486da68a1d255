// What tests of the HTTP client have in common: a request sent and its answer
// collected, and bodies to send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/integration/bad_upstream.h"
#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/body.h"
#include "weir/http/client.h"
#include "weir/http/message.h"

namespace weir::testing {

// What became of a request.
struct Answer {
  std::optional<Error> error;  // of send()
  http::ResponseHead head;
  std::optional<std::uint64_t> length;  // as announced
  std::string body;                     // as far as it came
  std::optional<Error> body_error;
  http::Headers trailers;

  bool whole() const { return !error && !body_error; }
  // Of whichever came, for messages.
  std::string text() const;
};

// Sends the request and reads the response to its end.
core::task<Answer> fetch(core::Context& context, http::Client& client, const http::RequestHead& request,
                         http::BodySource* body = nullptr);

// The same in a runtime of its own, and what the client counted until then.
struct Fetched {
  Answer answer;
  http::Client::Stats stats;
};
Fetched fetch_once(const net::SocketAddress& address, const http::RequestHead& request = {},
                   const http::Client::Options& options = {}, Duration patience = 10s);
// Against an upstream with this script.
Fetched fetch_from(const BadUpstream::Script& script, const http::RequestHead& request = {},
                   const http::Client::Options& options = {}, Duration patience = 10s);
// Against an upstream that reads a head, writes these bytes and closes.
Fetched fetch_bytes(const std::string& response, const http::RequestHead& request = {},
                    const http::Client::Options& options = {}, Duration patience = 10s);

// A request's body from memory.
class TextBody final : public http::BodySource {
 public:
  explicit TextBody(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}

  // What it says its length is; by default it does not.
  TextBody& announce(std::uint64_t bytes);
  TextBody& end_with(const http::Headers& trailers);
  // After its pieces it fails, instead of ending.
  TextBody& fail_with(const Error& error);
  // After its pieces it waits for its context to end.
  TextBody& hang();

  core::task<Result<std::span<const std::byte>>> next(core::Context& context) override;
  std::optional<std::uint64_t> length() const override { return length_; }
  const http::Headers* trailers() const override;

  std::size_t pieces_taken() const { return taken_; }

 private:
  const std::vector<std::string> pieces_;
  std::optional<std::uint64_t> length_;
  std::optional<http::Headers> trailers_;
  std::optional<Error> error_;
  bool hangs_ = false;
  std::size_t taken_ = 0;
};

}  // namespace weir::testing

// Scripts for BadUpstream in which it is a good one: it answers, and remembers
// what it was asked.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/integration/bad_upstream.h"

namespace weir::testing {

// A whole request as it arrived.
struct SeenRequest {
  std::string head;
  std::string body;       // without its framing; as far as it came
  bool complete = false;  // the body came to its announced end
};

// The next one; nullopt: the other side has gone.
std::optional<SeenRequest> read_request(BadUpstream::Peer& peer);

// "HTTP/1.1 200 OK" with Content-Length and `fields`, each with its CR LF.
std::string ok(std::string_view body, std::string_view fields = {});

// Answers each request with the same bytes, and keeps the requests.
class Recorder {
 public:
  explicit Recorder(std::string response) : response_(std::move(response)) {}

  // The script; the recorder outlives the upstream.
  BadUpstream::Script script() {
    return [this](BadUpstream::Peer& peer) { serve(peer); };
  }

  std::vector<SeenRequest> seen() const;

 private:
  void serve(BadUpstream::Peer& peer);

  const std::string response_;
  mutable std::mutex lock_;
  std::vector<SeenRequest> seen_;  // guarded by lock_
};

// So many bytes of text in which no two places look alike for long, so that
// what is lost, doubled or moved is noticed.
std::string pattern(std::size_t bytes);

}  // namespace weir::testing

#include "tests/integration/upstream_scripts.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <utility>

#include "tests/integration/raw_client.h"

namespace weir::testing {
namespace {

std::size_t number(std::string_view text, int base) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

// Up to and with the line break.
std::string read_line(BadUpstream::Peer& peer) {
  std::string line;
  while (!line.ends_with("\r\n")) {
    const std::string next = peer.read_bytes(1);
    if (next.empty()) return "";
    line += next;
  }
  return line;
}

bool read_chunked(BadUpstream::Peer& peer, std::string& body) {
  for (;;) {
    const std::size_t size = number(read_line(peer), 16);
    if (size == 0) break;
    body += peer.read_bytes(size);
    if (peer.read_bytes(2) != "\r\n") return false;
  }
  // Trailers and the empty line. The size may also have been 0 because the line
  // was cut off: then this one is cut off, too.
  for (;;) {
    const std::string line = read_line(peer);
    if (line.empty()) return false;
    if (line == "\r\n") return true;
  }
}

}  // namespace

std::optional<SeenRequest> read_request(BadUpstream::Peer& peer) {
  SeenRequest request{.head = peer.read_head()};
  if (request.head.empty()) return std::nullopt;
  const Reply fields{.head = request.head};
  if (fields.field("transfer-encoding")) {
    request.complete = read_chunked(peer, request.body);
  } else {
    const std::size_t length = number(fields.field("content-length").value_or("0"), 10);
    if (length > 0) request.body = peer.read_bytes(length);
    request.complete = request.body.size() == length;
  }
  return request;
}

std::string ok(std::string_view body, std::string_view fields) {
  return fmt::format("HTTP/1.1 200 OK\r\n{}Content-Length: {}\r\n\r\n{}", fields, body.size(), body);
}

void Recorder::serve(BadUpstream::Peer& peer) {
  while (std::optional<SeenRequest> request = read_request(peer)) {
    const bool complete = request->complete;
    {
      const std::lock_guard guard(lock_);
      seen_.push_back(std::move(*request));
    }
    if (!complete || !peer.write(response_)) return;
  }
}

std::vector<SeenRequest> Recorder::seen() const {
  const std::lock_guard guard(lock_);
  return seen_;
}

std::string pattern(std::size_t bytes) {
  std::string text;
  text.reserve(bytes + 16);
  for (std::size_t line = 0; text.size() < bytes; ++line) {
    fmt::format_to(std::back_inserter(text), "{:x}\n", line * 2'654'435'761U);
  }
  text.resize(bytes);
  return text;
}

}  // namespace weir::testing

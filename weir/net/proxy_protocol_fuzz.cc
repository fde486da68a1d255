// Any bytes as a PROXY header: how they are cut makes no difference, nothing behind
// a header is taken, and one that is taken says an address or none.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "weir/net/proxy_protocol.h"

namespace {

struct Taken {
  int outcome = 0;  // -1 refused, 0 cut, 1 complete
  std::size_t bytes = 0;
  std::string client;

  bool operator==(const Taken&) const = default;
};

Taken take(std::span<const std::byte> stream, std::size_t cut) {
  weir::net::ProxyHeader header;
  std::size_t at = 0;
  while (const std::size_t wanted = header.wanted()) {
    if (wanted > weir::net::ProxyHeader::kPieceMax) std::abort();
    const std::size_t count = std::min({wanted, cut, stream.size() - at});
    if (count == 0) return {.outcome = 0, .bytes = 0, .client = {}};
    // Where it is refused depends on the cuts; that it is does not.
    if (!header.feed(stream.subspan(at, count))) return {.outcome = -1, .bytes = 0, .client = {}};
    at += count;
  }
  return {1, at, header.client() ? header.client()->to_string() : ""};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span stream(reinterpret_cast<const std::byte*>(data), size);
  const Taken whole = take(stream, weir::net::ProxyHeader::kPieceMax);
  for (const std::size_t cut : {std::size_t{1}, std::size_t{7}}) {
    const Taken other = take(stream, cut);
    if (other == whole) continue;
    // A piece that ends the stream may be refused before the rest would be asked for.
    if (whole.outcome == 1 || other.outcome == 1) std::abort();
  }
  return 0;
}

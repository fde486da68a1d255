// Any text as Forwarded and as X-Forwarded-For, and each address that comes out
// is one that is read again.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "weir/http/forwarded.h"

namespace {

void check(const weir::Result<std::span<const weir::http::ForwardedHop>>& hops, std::string_view text) {
  if (!hops) return;
  for (const weir::http::ForwardedHop& hop : *hops) {
    if (hop.client && weir::http::parse_node(hop.client->to_string()) != hop.client) std::abort();
    if (hop.host.size() > text.size() || hop.proto.find('"') != std::string_view::npos) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::http;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Two fields where there is a line end.
  const std::size_t half = std::min(text.find('\n'), text.size());
  Headers headers;
  for (const char* name : {"Forwarded", "X-Forwarded-For"}) {
    headers.add(name, text.substr(0, half));
    if (half < text.size()) headers.add(name, text.substr(half + 1));
  }
  std::array<ForwardedHop, 8> room;
  check(parse_forwarded(headers, room), text);
  check(parse_forwarded_for(headers, room), text);
  return 0;
}

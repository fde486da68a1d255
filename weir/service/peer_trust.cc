#include "weir/service/peer_trust.h"

#include <array>

#include "weir/http/forwarded.h"

namespace weir::service {
namespace {

// More proxies in a row than any path has.
constexpr std::size_t kHopsMax = 32;

}  // namespace

net::SocketAddress PeerTrust::client(const http::Headers& headers, const net::SocketAddress& peer) const {
  if (!trusts(peer)) return peer;
  std::array<http::ForwardedHop, kHopsMax> room;
  const auto hops = field_ == Field::forwarded ? http::parse_forwarded(headers, room)
                                               : http::parse_forwarded_for(headers, room);
  if (!hops) return peer;
  net::SocketAddress client = peer;
  for (std::size_t i = hops->size(); i > 0; --i) {
    const auto& hop = (*hops)[i - 1].client;
    if (!hop) break;  // it hides whom it speaks for: that is as far as can be seen
    client = *hop;
    if (!trusts(client)) break;
  }
  return client;
}

http::RequestId PeerTrust::id(const http::Headers& headers, const net::SocketAddress& peer) const {
  if (trusts(peer)) {
    if (const auto field = headers.get(http::kRequestIdField)) {
      if (const auto id = http::RequestId::parse(*field)) return *id;
    }
  }
  return http::RequestId::make();
}

}  // namespace weir::service

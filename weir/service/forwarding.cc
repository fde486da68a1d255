#include "weir/service/forwarding.h"

#include <algorithm>
#include <array>

#include "weir/http/request_id.h"
#include "weir/service/grpc.h"

namespace weir::service {
namespace {

// What a head that crosses usually gets more, so that it is allocated once.
constexpr std::size_t kFieldsAdded = 6;
constexpr std::size_t kBytesAdded = 256;

constexpr std::array<std::string_view, 9> kHopByHop{
    "connection", "keep-alive",        "proxy-connection", "proxy-authenticate", "proxy-authorization", "te",
    "trailer",    "transfer-encoding", "upgrade"};

// What only a proxy that is trusted can say.
constexpr std::array<std::string_view, 7> kHearsay{
    "Forwarded",        "X-Forwarded-For",    "X-Forwarded-Host", "X-Forwarded-Proto",
    "X-Forwarded-Port", "X-Forwarded-Server", "X-Real-IP"};

bool is_hop_by_hop(std::string_view name) {
  // By length and first letter first: nearly every field is none of them.
  return std::ranges::any_of(kHopByHop, [name](std::string_view hop) {
    return hop.size() == name.size() && (name[0] | 0x20) == hop[0] && http::equals_ignoring_case(hop, name);
  });
}

// Whether a Connection field lists more than how long the connection stays, as
// nearly none does.
bool names_fields(const http::Headers& headers) {
  const auto first = headers.get("connection");
  if (!first) return false;
  const bool plain =
      http::equals_ignoring_case(*first, "keep-alive") || http::equals_ignoring_case(*first, "close");
  return !plain || headers.get_all("connection").size() > 1;
}

// `address` as RFC 7239 wants a node: an IPv6 address in brackets and quotes.
void append_node(const net::SocketAddress& peer, std::string& out) {
  const std::string host = peer.host();
  if (host.find(':') == std::string::npos) {
    out += host;
  } else {
    out.append("\"[").append(host).append("]\"");
  }
}

// Adds `value` to the field, after what the client sent of it.
void append_to_list(http::Headers& headers, std::string_view name, std::string_view value) {
  if (!headers.get(name)) {
    headers.add(name, value);
    return;
  }
  std::string joined;
  for (const std::string_view earlier : headers.get_all(name)) joined.append(earlier).append(", ");
  joined.append(value);
  headers.set(name, joined);
}

}  // namespace

Forwarding::Forwarding(std::string_view pseudonym) : pseudonym_(pseudonym) {}

void Forwarding::copy_end_to_end(const http::Headers& in, http::Headers& out) const {
  const bool names_others = names_fields(in);
  out.reserve(in.size() + kFieldsAdded, in.bytes() + kBytesAdded);
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::string_view name = in[i].name;
    if (is_hop_by_hop(name)) continue;
    // A sender that lists an end-to-end field in Connection takes it off here.
    if (names_others && in.has_token("connection", name)) continue;
    out.copy(in, i);
  }
}

void Forwarding::request(const http::RequestHead& in, const Origin& origin, http::RequestHead& out) const {
  out.clear();
  out.method = in.method;
  out.target = in.target;
  copy_end_to_end(in.headers, out.headers);
  if (!origin.trusted) {
    for (const std::string_view name : kHearsay) out.headers.remove(name);
  }
  out.headers.remove("expect");  // the gateway's own server answers it
  // For this hop as for the client's: trailers are passed on, and callers of gRPC
  // cannot do without.
  if (is_grpc(in.headers) && in.headers.has_token("te", "trailers")) out.headers.set("TE", "trailers");

  const std::string_view host = in.headers.get("host").value_or("");
  std::string forwarded = "for=";
  append_node(origin.peer, forwarded);
  if (!host.empty()) forwarded.append(";host=\"").append(host).append("\"");
  const std::string_view proto = origin.tls ? "https" : "http";
  forwarded.append(";proto=").append(proto);
  append_to_list(out.headers, "Forwarded", forwarded);
  append_to_list(out.headers, "X-Forwarded-For", origin.peer.host());
  // A trusted proxy before us knows what the client asked for.
  const auto set_if_unsaid = [&out](std::string_view name, std::string_view value) {
    if (!value.empty() && !out.headers.get(name)) out.headers.set(name, value);
  };
  set_if_unsaid("X-Forwarded-Host", host);
  set_if_unsaid("X-Forwarded-Proto", proto);
  if (!origin.id.empty()) out.headers.set(http::kRequestIdField, origin.id);
  append_to_list(out.headers, "Via", (in.version_minor == 0 ? "1.0 " : "1.1 ") + pseudonym_);
}

void Forwarding::response(const http::ResponseHead& in, http::ResponseHead& out) const {
  out.clear();
  out.status = in.status;
  out.reason = in.reason;
  copy_end_to_end(in.headers, out.headers);
  out.headers.remove("content-length");  // the server writes the framing
  append_to_list(out.headers, "Via", "1.1 " + pseudonym_);
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find_first_of("?#")); }

}  // namespace weir::service

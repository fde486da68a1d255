#include "weir/service/forwarding.h"

#include "weir/http/name_set.h"
#include "weir/http/request_id.h"
#include "weir/service/grpc.h"

namespace weir::service {
namespace {

// What a head that crosses usually gets more, so that it is allocated once.
constexpr std::size_t kFieldsAdded = 6;
constexpr std::size_t kBytesAdded = 384;
// What Forwarded has beside addresses and names.
constexpr std::size_t kForwardedBytes = 40;

constexpr http::NameSet kHopByHop("Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate",
                                  "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade");
// What only a proxy that is trusted can say.
constexpr http::NameSet kHearsay("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
                                 "X-Forwarded-Port", "X-Forwarded-Server", "X-Real-IP");

// Whether a Connection field lists more than how long the connection stays, as
// nearly none does.
bool names_fields(const http::Headers& headers) {
  const auto first = headers.get("connection");
  if (!first) return false;
  const bool plain =
      http::equals_ignoring_case(*first, "keep-alive") || http::equals_ignoring_case(*first, "close");
  return !plain || headers.get_all("connection").size() > 1;
}

// `host`, an address, as RFC 7239 wants a node: an IPv6 address in brackets and quotes.
void append_node(std::string_view host, std::string& out) {
  if (!host.contains(':')) {
    out += host;
  } else {
    out.append("\"[").append(host).append("]\"");
  }
}

// Adds `value` to the field, after what the client sent of it, if that is there.
void append_to_list(http::Headers& headers, std::string_view name, std::string_view value,
                    bool may_be_there = true) {
  if (!may_be_there || !headers.get(name)) {
    headers.add(name, value);
    return;
  }
  std::string joined;
  for (const std::string_view earlier : headers.get_all(name)) joined.append(earlier).append(", ");
  joined.append(value);
  headers.set(name, joined);
}

// But for those that `stays(name)` says do not.
template <class Stays>
void copy_end_to_end(const http::Headers& in, Stays stays, http::Headers& out) {
  const bool names_others = names_fields(in);
  out.reserve(in.size() + kFieldsAdded, in.bytes() + kBytesAdded);
  out.copy(in, [&](const http::Headers::Field& field) {
    // A sender that lists an end-to-end field in Connection takes it off here.
    return !kHopByHop.contains(field.name) && stays(field.name) &&
           !(names_others && in.has_token("connection", field.name));
  });
}

}  // namespace

Forwarding::Forwarding(std::string_view pseudonym)
    : via_(std::string("1.1 ").append(pseudonym)), via_10_(std::string("1.0 ").append(pseudonym)) {}

void Forwarding::request(const http::RequestHead& in, const Origin& origin, http::RequestHead& out) const {
  out.clear();
  out.method = in.method;
  out.target = in.target;
  const auto stays = [&origin](std::string_view name) {
    // The gateway's own server answers what is expected.
    return (origin.trusted || !kHearsay.contains(name)) && !http::equals_ignoring_case(name, "Expect");
  };
  copy_end_to_end(in.headers, stays, out.headers);
  // For this hop as for the client's: trailers are passed on, and callers of gRPC
  // cannot do without.
  if (is_grpc(in.headers) && in.headers.has_token("te", "trailers")) out.headers.set("TE", "trailers");

  const std::string_view host = in.headers.get("host").value_or("");
  const std::string peer = origin.peer.host();
  std::string forwarded;
  forwarded.reserve(kForwardedBytes + peer.size() + host.size());
  forwarded = "for=";
  append_node(peer, forwarded);
  if (!host.empty()) forwarded.append(";host=\"").append(host).append("\"");
  const std::string_view proto = origin.tls ? "https" : "http";
  forwarded.append(";proto=").append(proto);
  append_to_list(out.headers, "Forwarded", forwarded, origin.trusted);
  append_to_list(out.headers, "X-Forwarded-For", peer, origin.trusted);
  // A trusted proxy before us knows what the client asked for.
  const auto set_if_unsaid = [&](std::string_view name, std::string_view value) {
    const bool said = origin.trusted && out.headers.get(name);
    if (!value.empty() && !said) out.headers.add(name, value);
  };
  set_if_unsaid("X-Forwarded-Host", host);
  set_if_unsaid("X-Forwarded-Proto", proto);
  if (!origin.id.empty()) out.headers.set(http::kRequestIdField, origin.id);
  append_to_list(out.headers, "Via", in.version_minor == 0 ? via_10_ : via_);
}

void Forwarding::response(const http::ResponseHead& in, http::ResponseHead& out) const {
  out.clear();
  out.status = in.status;
  out.reason = in.reason;
  // The server writes the framing.
  const auto stays = [](std::string_view name) {
    return !http::equals_ignoring_case(name, "Content-Length");
  };
  copy_end_to_end(in.headers, stays, out.headers);
  append_to_list(out.headers, "Via", via_);
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find_first_of("?#")); }

}  // namespace weir::service

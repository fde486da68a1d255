// The opening handshake, RFC 6455 section 4.
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>

#include "weir/base/check.h"
#include "weir/http/websocket.h"

namespace weir::http {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kKeyText = 24;  // of so many bytes in base64

std::string base64(std::span<const unsigned char> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a zero
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string accept_for(std::string_view key) {
  std::string text(key);
  text.append(kGuid);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  WEIR_CHECK(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1,
             "no SHA-1");
  return base64(std::span(digest).first(size));
}

// Sixteen bytes in base64: 22 of its characters and two of padding.
bool is_key(std::string_view key) {
  if (key.size() != kKeyText || !key.ends_with("==")) return false;
  return std::ranges::all_of(key.substr(0, kKeyText - 2), [](unsigned char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  });
}

// The one value of a field that must not be repeated; nullopt: none, or several.
std::optional<std::string_view> only(const Headers& headers, std::string_view name) {
  std::optional<std::string_view> found;
  for (const auto [each, value] : headers) {
    if (!equals_ignoring_case(each, name)) continue;
    if (found) return std::nullopt;
    found = value;
  }
  return found;
}

WebSocketRefusal bad(std::string_view message) { return {400, "websocket_handshake", message}; }

}  // namespace

WebSocketRefusal check_websocket_request(const RequestHead& request, const WebSocketAccept& accept) {
  const Headers& headers = request.headers;
  if (request.method != "GET") return {405, "websocket_method", "a WebSocket is opened with GET"};
  if (request.version_minor == 0) return bad("a WebSocket needs HTTP/1.1");
  if (!headers.has_token("Upgrade", "websocket") || !headers.has_token("Connection", "upgrade")) {
    return {426, "websocket_upgrade", "this is served over WebSocket only"};
  }
  const auto version = only(headers, "Sec-WebSocket-Version");
  if (!version) return bad("there must be one Sec-WebSocket-Version");
  if (*version != "13") return {426, "websocket_version", "only version 13 of WebSocket is spoken here"};
  const auto key = only(headers, "Sec-WebSocket-Key");
  if (!key || !is_key(*key)) return bad("there must be one Sec-WebSocket-Key, of 16 bytes in base64");
  const auto origin = headers.get("Origin");
  if (origin && accept.origin_allowed != nullptr) {
    if (!only(headers, "Origin")) return bad("there must be at most one Origin");
    if (!accept.origin_allowed(*origin)) {
      return {403, "websocket_origin", "pages of this origin may not connect"};
    }
  }
  return {};
}

std::string_view choose_subprotocol(const RequestHead& request,
                                    std::span<const std::string_view> subprotocols) {
  for (const std::string_view each : subprotocols) {
    for (const auto [name, value] : request.headers) {
      if (!equals_ignoring_case(name, "Sec-WebSocket-Protocol")) continue;
      // Unlike other tokens these differ by case (section 11.3.4).
      for (std::size_t at = 0; at <= value.size();) {
        const std::size_t comma = std::min(value.find(',', at), value.size());
        std::string_view offered = value.substr(at, comma - at);
        while (offered.starts_with(' ') || offered.starts_with('\t')) offered.remove_prefix(1);
        while (offered.ends_with(' ') || offered.ends_with('\t')) offered.remove_suffix(1);
        if (offered == each) return each;
        at = comma + 1;
      }
    }
  }
  return {};
}

core::task<Result<ByteStream*>> accept_websocket(Exchange& exchange, const WebSocketAccept& accept) {
  const RequestHead& request = exchange.request();
  const WebSocketRefusal refusal = check_websocket_request(request, accept);
  ResponseHead& head = exchange.reply_head();
  if (refusal.status != 0) {
    head.status = refusal.status;
    head.headers.add("Content-Type", "application/json");
    if (refusal.status == 405) head.headers.add("Allow", "GET");
    if (refusal.status == 426) head.headers.add("Sec-WebSocket-Version", "13");
    std::string body = R"({"error":{"status":)" + std::to_string(refusal.status) + R"(,"reason":")";
    // None of these has a character that JSON would have escaped.
    body.append(refusal.reason).append(R"(","message":")").append(refusal.message).append("\"}}\n");
    if (Result<> sent = co_await exchange.respond(head, body); !sent) co_return std::unexpected(sent.error());
    co_return fail(ErrorKind::invalid, Reason::malformed, refusal.reason);
  }
  head.status = 101;
  head.headers.add("Upgrade", "websocket");
  head.headers.add("Sec-WebSocket-Accept", accept_for(*request.headers.get("Sec-WebSocket-Key")));
  const std::string_view subprotocol = choose_subprotocol(request, accept.subprotocols);
  if (!subprotocol.empty()) head.headers.add("Sec-WebSocket-Protocol", subprotocol);
  co_return co_await exchange.upgrade(head);
}

WebSocketOffer::WebSocketOffer() {
  std::array<unsigned char, kKeyBytes> bytes;
  WEIR_CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "no randomness");
  key_ = base64(bytes);
}

void WebSocketOffer::add_to(RequestHead& request, std::span<const std::string_view> subprotocols) const {
  Headers& headers = request.headers;
  headers.set("Connection", "Upgrade");
  headers.set("Upgrade", "websocket");
  headers.set("Sec-WebSocket-Version", "13");
  headers.set("Sec-WebSocket-Key", key_);
  std::string offered;
  for (const std::string_view each : subprotocols) offered.append(offered.empty() ? "" : ", ").append(each);
  if (!offered.empty()) headers.set("Sec-WebSocket-Protocol", offered);
}

Result<> WebSocketOffer::check(const ResponseHead& response,
                               std::span<const std::string_view> subprotocols) const {
  const Headers& headers = response.headers;
  const auto wrong = [](std::string_view where) {
    return fail(ErrorKind::invalid, Reason::malformed, where);
  };
  if (response.status != 101) return wrong("websocket: not 101");
  if (!headers.has_token("Upgrade", "websocket") || !headers.has_token("Connection", "upgrade")) {
    return wrong("websocket: Upgrade");
  }
  if (only(headers, "Sec-WebSocket-Accept") != accept_for(key_))
    return wrong("websocket: Sec-WebSocket-Accept");
  if (headers.get("Sec-WebSocket-Extensions")) return wrong("websocket: Sec-WebSocket-Extensions");
  if (headers.get("Sec-WebSocket-Protocol")) {
    const auto chosen = only(headers, "Sec-WebSocket-Protocol");
    if (!chosen || std::ranges::find(subprotocols, *chosen) == subprotocols.end()) {
      return wrong("websocket: Sec-WebSocket-Protocol");
    }
  }
  return {};
}

core::task<Result<ClientResponse>> open_websocket(core::Context& context, Client& client, RequestHead request,
                                                  std::span<const std::string_view> subprotocols) {
  const WebSocketOffer offer;
  offer.add_to(request, subprotocols);
  Result<ClientResponse> response = co_await client.send(context, request);
  if (!response) co_return response;
  if (Result<> checked = offer.check(response->head(), subprotocols); !checked) {
    co_return std::unexpected(checked.error());
  }
  co_return response;
}

}  // namespace weir::http

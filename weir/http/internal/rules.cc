#include "weir/http/internal/rules.h"

#include <algorithm>
#include <array>

#include "weir/http/headers.h"

namespace weir::http::internal {
namespace {

// The frequent ones first. RFC 9110, 5789, 4918, 3253, 3744, 4791, 5323, 5842,
// 2068 (LINK), and what UPnP and caches use.
constexpr std::array<std::string_view, 32> kMethods{
    "GET",      "POST",      "HEAD",      "PUT",  "DELETE", "OPTIONS",  "PATCH",       "TRACE",
    "PROPFIND", "PROPPATCH", "MKCOL",     "COPY", "MOVE",   "LOCK",     "UNLOCK",      "SEARCH",
    "BIND",     "REBIND",    "UNBIND",    "ACL",  "REPORT", "CHECKOUT", "MERGE",       "MKACTIVITY",
    "M-SEARCH", "NOTIFY",    "SUBSCRIBE", "LINK", "UNLINK", "PURGE",    "UNSUBSCRIBE", "MKCALENDAR",
};
static_assert(std::ranges::all_of(kMethods, [](std::string_view m) { return m.size() <= kMethodBytesMax; }));

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// RFC 3986: unreserved, sub-delims, and what a percent-encoding is made of.
constexpr std::array<bool, 256> make_name_characters() {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c) {
    const char character = static_cast<char>(c);
    table[c] = is_letter(character) || is_digit(character) ||
               std::string_view("-._~!$&'()*+,;=%").contains(character);
  }
  return table;
}
constexpr std::array<bool, 256> kNameCharacters = make_name_characters();

bool is_name_character(char c) { return kNameCharacters[static_cast<unsigned char>(c)]; }

bool is_port(std::string_view text) { return text.size() <= 5 && std::ranges::all_of(text, is_digit); }

bool starts_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

bool settle_absolute(RequestHead& head, std::string_view after_scheme) {
  const std::size_t authority_size = std::min(after_scheme.find_first_of("/?"), after_scheme.size());
  const std::string_view authority = after_scheme.substr(0, authority_size);
  if (authority.empty() || authority.front() == ':' || !is_host(authority)) return false;
  // The target's authority stands for the Host field, whatever that says.
  head.headers.set("Host", authority);
  const std::size_t path_at = head.target.size() - after_scheme.size() + authority_size;
  head.target.erase(0, path_at);
  if (head.target.empty()) {
    head.target = head.method == "OPTIONS" ? "*" : "/";
  } else if (head.target.front() == '?') {
    head.target.insert(0, 1, '/');
  }
  return true;
}

}  // namespace

bool is_known_method(std::string_view method) {
  return std::ranges::find(kMethods, method) != kMethods.end();
}

bool is_host(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    const std::string_view address = text.substr(1, end - 1);
    const std::string_view after = text.substr(end + 1);
    return std::ranges::all_of(address, [](char c) { return is_hex(c) || c == ':' || c == '.'; }) &&
           (after.empty() || (after.front() == ':' && is_port(after.substr(1))));
  }
  const std::size_t colon = std::min(text.find(':'), text.size());
  return std::ranges::all_of(text.substr(0, colon), is_name_character) &&
         (colon == text.size() || is_port(text.substr(colon + 1)));
}

bool settle_target(RequestHead& head) {
  const std::string_view target = head.target;
  // A fragment is the client's own affair and never on the wire.
  if (target.contains('#')) return false;
  if (target.starts_with('/')) return true;
  if (target == "*") return head.method == "OPTIONS";
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (starts_ignoring_case(target, scheme)) return settle_absolute(head, target.substr(scheme.size()));
  }
  return false;
}

void TransferCodings::add(std::string_view value) {
  present = true;
  for (bool more = true; more;) {
    const std::size_t comma = std::min(value.find(','), value.size());
    std::string_view member = value.substr(0, comma);
    while (!member.empty() && (member.front() == ' ' || member.front() == '\t')) member.remove_prefix(1);
    while (!member.empty() && (member.back() == ' ' || member.back() == '\t')) member.remove_suffix(1);
    more = comma < value.size();
    value.remove_prefix(std::min(comma + 1, value.size()));
    // A list may have empty members (RFC 9110 section 5.6.1), but not everybody before us
    // or behind us takes ", chunked" for chunked: as doubtful as two of them.
    if (member.empty()) {
      chunked += 2;
      continue;
    }
    chunked_last = equals_ignoring_case(member, "chunked");
    ++(chunked_last ? chunked : others);
  }
}

}  // namespace weir::http::internal

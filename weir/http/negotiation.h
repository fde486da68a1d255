// What of several representations a client would rather have (RFC 9110 section
// 12.5).
//
//   static constexpr std::array<std::string_view, 2> kTypes = {"application/json", "text/html"};
//   const auto type = choose_media_type(exchange.request().headers, kTypes);
//   if (!type) ...406
//
// Pure functions; any thread. No more than 64 members of a field are looked at;
// members that are malformed are passed over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "weir/http/headers.h"

namespace weir::http {

// The index of the offer with the highest weight, by the most specific range of
// Accept that matches it; among equals the first. The first too where there is
// no Accept. nullopt: none is acceptable (406, or what there is all the same).
std::optional<std::size_t> choose_media_type(const Headers& headers,
                                             std::span<const std::string_view> offers);

// How the bytes of a body are coded (RFC 9110 section 8.4.1).
enum class ContentCoding : std::uint8_t { identity, gzip, brotli };

// As in Content-Encoding: "gzip", "br"; "identity" is not written there.
std::string_view to_string(ContentCoding coding);

// The coding of highest weight by Accept-Encoding; among equals the first offer.
// identity where nothing else is asked for, and as well where the client refuses
// that: a reply that it may not like is of more use than none.
ContentCoding choose_coding(const Headers& headers, std::span<const ContentCoding> offers);

}  // namespace weir::http

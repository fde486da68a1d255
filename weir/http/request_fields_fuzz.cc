// Any bytes as Accept, Accept-Encoding, Cookie, a query and a path's text: nothing is
// read beyond its end, and what is read is as its reader may rely on.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weir/http/cookies.h"
#include "weir/http/negotiation.h"
#include "weir/http/percent.h"
#include "weir/http/url_fields.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::http;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static constexpr std::array<std::string_view, 3> kTypes = {"application/json", "text/html", "image/png"};
  static constexpr std::array kCodings = {ContentCoding::brotli, ContentCoding::gzip};
  Headers headers;
  headers.add("Accept", text);
  headers.add("Accept-Encoding", text);
  headers.add("Cookie", text);
  const auto type = choose_media_type(headers, kTypes);
  if (type && *type >= kTypes.size()) std::abort();
  (void)choose_coding(headers, kCodings);
  for (const Cookie& cookie : all_cookies(headers)) {
    if (cookie.name.empty() || cookie.name.find_first_of("=;") != std::string_view::npos) std::abort();
    if (!find_cookie(headers, cookie.name)) std::abort();
    Headers reply;
    (void)add_cookie(reply, {.name = cookie.name, .value = cookie.value});
  }
  if (const auto fields = UrlFields::parse(text, {.fields = 50})) {
    if (fields->size() > 50) std::abort();
    for (std::size_t i = 0; i < fields->size(); ++i) (void)fields->get_all((*fields)[i].name);
  }
  std::string encoded, decoded;
  percent_encode(text, encoded);
  if (!percent_decode(encoded, decoded) || decoded != text) std::abort();
  return 0;
}

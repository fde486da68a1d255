// Any bytes as a multipart body: what comes out does not depend on where it is
// cut, and stays within the limits.
//
// The first byte seeds the cuts.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weir/http/internal/multipart_parser.h"

namespace weir::http::internal {
namespace {

constexpr MultipartLimits kLimits{.parts = 5, .headers = Bytes{100}, .part = Bytes{200}};

struct Read {
  std::string text;  // what came before a refusal
  bool refused = false;
};

template <typename Cut>
Read read(std::string_view body, Cut cut) {
  MultipartParser parser("B", kLimits);
  Read read;
  std::size_t part_bytes = 0, parts = 0;
  while (!body.empty()) {
    const std::string_view piece = body.substr(0, cut());
    body.remove_prefix(piece.size());
    auto input = std::as_bytes(std::span(piece));
    for (;;) {
      const auto step = parser.next(input);
      if (step.consumed > input.size()) std::abort();
      input = input.subspan(step.consumed);
      using Event = MultipartParser::Event;
      if (step.event == Event::need_more) {
        if (!input.empty()) std::abort();
        break;
      }
      if (step.event == Event::refused || step.event == Event::end) {
        read.refused = step.event == Event::refused;
        return read;
      }
      if (step.event == Event::part) {
        read.text += "[";
        part_bytes = 0;
        if (++parts > kLimits.parts || parser.headers().bytes() > 2 * kLimits.headers.count) std::abort();
        parser.headers().append_to(read.text);
      }
      if (step.event == Event::data) {
        part_bytes += step.data.size();
        if (step.data.empty() || part_bytes > kLimits.part.count) std::abort();
        read.text.append(reinterpret_cast<const char*>(step.data.data()), step.data.size());
      }
      if (step.event == Event::part_end) read.text += "]";
    }
  }
  return read;
}

}  // namespace
}  // namespace weir::http::internal

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weir::http::internal::read;
  if (size < 1) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::uint32_t state = data[0];
  const auto whole = read(body, [&] { return body.size(); });
  const auto bytes = read(body, [] { return std::size_t{1}; });
  const auto cut = read(body, [&state] {
    state = state * 1'664'525 + 1'013'904'223;
    return std::size_t{1} + (state >> 24) % 16;
  });
  for (const auto* other : {&bytes, &cut}) {
    if (other->refused != whole.refused) std::abort();
    // Data of a part that is too large comes out as far as the cuts have it.
    if (!whole.refused && other->text != whole.text) std::abort();
    if (!other->text.starts_with(whole.text) && !whole.text.starts_with(other->text)) std::abort();
  }
  return 0;
}

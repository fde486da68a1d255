// The fields of a request, or of its trailers, as HTTP/2 takes them (RFC 9113
// section 8.2): pseudo-fields first, none that belongs to a connection, Host as
// :authority. Views: what it was made from outlives it.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "weir/http/headers.h"
#include "weir/http/internal/request_sender.h"

namespace weir::http::internal {

class H2FieldBlock {
 public:
  // `length`: of the body; nullopt: it is not known.
  H2FieldBlock(const Outgoing& request, bool secure, std::optional<std::uint64_t> length);
  explicit H2FieldBlock(const Headers& trailers);
  H2FieldBlock(const H2FieldBlock&) = delete;
  H2FieldBlock& operator=(const H2FieldBlock&) = delete;

  // nghttp2 copies them, and makes the names lower case.
  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return fields_.size(); }

 private:
  void add(std::string_view name, std::string_view value);

  std::vector<nghttp2_nv> fields_;
  std::array<char, 20> digits_;
};

}  // namespace weir::http::internal

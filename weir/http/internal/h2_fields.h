// The fields of a reply as nghttp2 wants them. What they refer to is copied
// when they are submitted; used again for the next reply.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <string_view>
#include <vector>

#include "weir/http/message.h"

namespace weir::http::internal {

class H2Fields {
 public:
  // As ReplyFraming has it: Content-Length where it is known, Date where there
  // is none, nothing that is the connection's own.
  void set_head(const ResponseHead& head, BodyLength length);
  void set_status(int status);
  void set_trailers(const Headers& trailers);

  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }

 private:
  void add(std::string_view name, std::string_view value, std::uint8_t flags = NGHTTP2_NV_FLAG_NONE);

  std::vector<nghttp2_nv> fields_;
  std::array<char, 4> status_{};
  std::array<char, 20> length_{};
};

}  // namespace weir::http::internal

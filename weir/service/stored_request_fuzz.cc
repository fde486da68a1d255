// What a store gives back may be anything: it is a request or it is none, and one that
// was read is written as the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "weir/base/check.h"
#include "weir/service/stored_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weir::service::parse_stored_request;
  const auto request = parse_stored_request({reinterpret_cast<const char*>(data), size});
  if (!request) return 0;
  const auto again = parse_stored_request(to_bytes(*request));
  WEIR_CHECK(again && again->body == request->body && again->head.target == request->head.target &&
                 again->head.headers.size() == request->head.headers.size(),
             "a stored request comes back as it was");
  return 0;
}

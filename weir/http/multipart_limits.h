// What a multipart body may bring, beyond what every body may.
#pragma once

#include <cstdint>

#include "weir/base/units.h"

namespace weir::http {

struct MultipartLimits {
  // Parts; each costs a handler's turn. 0: none.
  std::uint32_t parts = 100;
  // The headers of one part, line ends included. Browsers send some hundred bytes.
  Bytes headers = kibibytes(8);
  // The data of one part. The whole is under Parser::Limits::body besides.
  Bytes part = mebibytes(1);
};

}  // namespace weir::http

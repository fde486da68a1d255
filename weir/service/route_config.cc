#include "weir/service/route_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir::service {

std::string RouteConfig::text() const {
  std::string text = fmt::format("{}", fmt::join(methods, ","));
  if (!text.empty()) text += ' ';
  text += host + pattern();
  for (const HeaderMatch& header : headers) {
    text += ' ' + header.name;
    if (header.kind == HeaderMatch::Kind::exact) text += '=' + header.value;
    if (header.kind == HeaderMatch::Kind::prefix) text += '=' + header.value + '*';
  }
  return text;
}

std::string RouteConfig::to() const {
  std::string text;
  if (compose) {
    for (const PartConfig& part : compose->parts) {
      text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", part.name, part.upstream);
    }
    return text;
  }
  if (split.empty()) return upstream;
  for (const SplitPart& part : split) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", part.upstream, part.weight);
  }
  return text;
}

}  // namespace weir::service

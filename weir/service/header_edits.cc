#include "weir/service/header_edits.h"

namespace weir::service {

void apply_edits(const HeaderEdits& edits, http::Headers& headers) {
  for (const std::string& name : edits.remove) headers.remove(name);
  for (const auto& [name, value] : edits.set) headers.set(name, value);
}

void edit_request(const RouteConfig& route, http::RequestHead& head) {
  if (route.rewrite && head.target.starts_with(route.match)) {
    head.target.replace(0, route.match.size(), *route.rewrite);
  }
  apply_edits(route.request, head.headers);
}

}  // namespace weir::service

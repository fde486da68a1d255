// What a route changes in a message on its way. Pure functions; any thread.
#pragma once

#include "weir/http/message.h"
#include "weir/service/route_config.h"

namespace weir::service {

// First what is taken away, then what takes the place of what is there.
void apply_edits(const HeaderEdits& edits, http::Headers& headers);

// The route's `rewrite` in place of its `match`, and its edits of the request.
void edit_request(const RouteConfig& route, http::RequestHead& head);

}  // namespace weir::service

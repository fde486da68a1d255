// The end of a connection on which more may be arriving.
#pragma once

#include "weir/core/task.h"
#include "weir/http/internal/connection.h"
#include "weir/http/internal/input.h"
#include "weir/net/socket.h"

namespace weir::http::internal {

// Ends our side of the stream, then reads and throws away what arrives, within
// Options::linger_timeout and discard_max: otherwise the kernel would reset the
// connection under what was sent.
core::task<void> linger(Connection::Service service, net::Socket& socket, Input& input);

}  // namespace weir::http::internal

// Descriptors of this process.
#pragma once

namespace weir::service {

// To what the system allows: every connection in and out is one, and the soft limit is
// often 1,024. Before the runtime starts.
void raise_descriptor_limit();

}  // namespace weir::service

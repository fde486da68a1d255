// What became of the TLS handshakes of a server. Counters by outcome are in
// Server::Stats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "weir/base/result.h"

namespace weir::http {

enum class TlsOutcome : std::uint8_t {
  full,         // agreed on all terms
  resumed,      // by a ticket
  plain_text,   // the client spoke no TLS
  certificate,  // one side did not trust the other's
  terms,        // no version, cipher or protocol in common, or not the protocol
  timed_out,
  broken_off,  // the client left, or the server did
};
inline constexpr std::size_t kTlsOutcomes = static_cast<std::size_t>(TlsOutcome::broken_off) + 1;

using TlsCounts = std::array<std::uint64_t, kTlsOutcomes>;

// Of a handshake that failed.
TlsOutcome tls_outcome(const Error& error);

// Fit for a metric label.
std::string_view to_string(TlsOutcome outcome);

}  // namespace weir::http

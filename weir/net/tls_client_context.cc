#include "weir/net/tls_client_context.h"

#include <utility>

#include "weir/net/internal/tls_client_state.h"

namespace weir::net {

TlsClientContext::TlsClientContext(std::shared_ptr<internal::TlsClientState> state)
    : state_(std::move(state)) {}
TlsClientContext::~TlsClientContext() = default;

std::expected<std::unique_ptr<TlsClientContext>, TlsMistake> TlsClientContext::load(const Options& options) {
  auto state = internal::TlsClientState::load(options);
  if (!state) return std::unexpected(std::move(state.error()));
  return std::unique_ptr<TlsClientContext>(new TlsClientContext(std::move(*state)));
}

}  // namespace weir::net

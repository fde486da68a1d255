#include "weir/net/tls_client_context.h"

#include <utility>

#include "weir/net/internal/tls_client_state.h"

namespace weir::net {

using internal::TlsClientState;

TlsClientContext::TlsClientContext(const Options& options, std::shared_ptr<TlsClientState> state)
    : options_(options), state_(std::move(state)) {}
TlsClientContext::~TlsClientContext() = default;

std::expected<std::unique_ptr<TlsClientContext>, TlsMistake> TlsClientContext::load(const Options& options) {
  auto state = TlsClientState::load(options);
  if (!state) return std::unexpected(std::move(state.error()));
  return std::unique_ptr<TlsClientContext>(new TlsClientContext(options, std::move(*state)));
}

std::expected<void, TlsMistake> TlsClientContext::reload() {
  auto state = TlsClientState::load(options_);
  if (!state) return std::unexpected(std::move(state.error()));
  const std::lock_guard guard(mutex_);
  state_.swap(*state);  // the old one ends after the lock
  return {};
}

std::shared_ptr<TlsClientState> TlsClientContext::state() const {
  const std::lock_guard guard(mutex_);
  return state_;
}

}  // namespace weir::net

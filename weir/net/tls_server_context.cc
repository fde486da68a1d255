#include "weir/net/tls_server_context.h"

#include <utility>

#include "weir/net/internal/tls_server_state.h"

namespace weir::net {

using internal::TlsServerState;

TlsServerContext::TlsServerContext() = default;
TlsServerContext::~TlsServerContext() = default;

std::expected<std::unique_ptr<TlsServerContext>, TlsMistake> TlsServerContext::load(const Options& options) {
  std::unique_ptr<TlsServerContext> made(new TlsServerContext);
  if (auto loaded = made->reload(options); !loaded) return std::unexpected(std::move(loaded.error()));
  return made;
}

std::expected<void, TlsMistake> TlsServerContext::reload() { return reload(state()->options()); }

std::expected<void, TlsMistake> TlsServerContext::reload(const Options& options) {
  const std::shared_ptr<TlsServerState> before = state();
  auto loaded = TlsServerState::load(options, before.get());
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  const std::lock_guard guard(mutex_);
  state_.swap(*loaded);  // the old one ends after the lock
  return {};
}

std::vector<TlsCertificateFacts> TlsServerContext::certificates() const { return state()->certificates(); }

std::shared_ptr<TlsServerState> TlsServerContext::state() const {
  const std::lock_guard guard(mutex_);
  return state_;
}

}  // namespace weir::net

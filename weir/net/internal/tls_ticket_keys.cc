#include "weir/net/internal/tls_ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <cstring>

namespace weir::net::internal {
namespace {

std::optional<TlsTicketKeys::Key> make_key() {
  TlsTicketKeys::Key key{};
  const auto fill = [](auto& bytes) { return RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1; };
  if (!fill(key.name) || !fill(key.cipher) || !fill(key.mac)) return std::nullopt;
  return key;
}

}  // namespace

TlsTicketKeys::~TlsTicketKeys() {
  for (std::optional<Aged>* aged : {&current_, &previous_}) {
    if (*aged) OPENSSL_cleanse(&(*aged)->key, sizeof(Key));
  }
}

void TlsTicketKeys::rotate_locked(TimePoint now) {
  if (current_ && now - current_->born >= lifetime_) {
    previous_ = current_;
    current_.reset();
  }
  if (previous_ && now - previous_->born >= 2 * lifetime_) {
    OPENSSL_cleanse(&previous_->key, sizeof(Key));
    previous_.reset();
  }
}

std::optional<TlsTicketKeys::Key> TlsTicketKeys::current(TimePoint now) {
  const std::lock_guard guard(mutex_);
  rotate_locked(now);
  if (!current_) {
    const std::optional<Key> made = make_key();
    if (!made) return std::nullopt;
    current_ = Aged{.key = *made, .born = now};
  }
  return current_->key;
}

std::optional<TlsTicketKeys::Found> TlsTicketKeys::find(const unsigned char* name, TimePoint now) {
  const std::lock_guard guard(mutex_);
  rotate_locked(now);
  for (const std::optional<Aged>* aged : {&current_, &previous_}) {
    if (*aged && std::memcmp((*aged)->key.name.data(), name, (*aged)->key.name.size()) == 0) {
      return Found{.key = (*aged)->key, .is_current = aged == &current_};
    }
  }
  return std::nullopt;
}

}  // namespace weir::net::internal

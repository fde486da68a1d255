// The keys under which a server hands its sessions out as tickets (RFC 5077).
//
// A key encrypts for `lifetime`, and decrypts for as long again; then it is
// forgotten, and with it what a recorded connection could be opened with.
//
// Callable from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <mutex>
#include <optional>

#include "weir/base/clock.h"

namespace weir::net::internal {

class TlsTicketKeys {
 public:
  struct Key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;  // AES-256-CBC
    std::array<unsigned char, 32> mac;     // HMAC-SHA-256
  };
  struct Found {
    Key key;
    bool is_current;  // otherwise the client is to get a new ticket
  };

  explicit TlsTicketKeys(Duration lifetime) : lifetime_(lifetime) {}
  ~TlsTicketKeys();
  TlsTicketKeys(const TlsTicketKeys&) = delete;
  TlsTicketKeys& operator=(const TlsTicketKeys&) = delete;

  Duration lifetime() const { return lifetime_; }

  // The key to encrypt with. nullopt: the machine gives no random numbers.
  std::optional<Key> current(TimePoint now);
  // The key of this name (16 bytes), while it may be used.
  std::optional<Found> find(const unsigned char* name, TimePoint now);

 private:
  struct Aged {
    Key key;
    TimePoint born;
  };
  void rotate_locked(TimePoint now);

  const Duration lifetime_;
  std::mutex mutex_;  // guards the two
  std::optional<Aged> current_;
  std::optional<Aged> previous_;
};

}  // namespace weir::net::internal

// The ciphertext's side of a TLS session: a BIO on the connection's descriptor.
//
// Output is always taken: what the kernel does not take is kept here and sent
// with the next flush. So no call into OpenSSL ever waits for the connection to
// be writable, and a read that has to answer something does not either. Kept is
// at most a record and what answers it, because a session does not write while
// something is unsent.
//
// Guarded by the session that owns it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "weir/base/result.h"
#include "weir/net/internal/openssl.h"

namespace weir::net::internal {

class TlsWire {
 public:
  // The descriptor stays its owner's. Reads of a server look whether the client
  // speaks TLS at all.
  TlsWire(int fd, bool of_server) : fd_(fd), greets_(of_server) {}
  TlsWire(const TlsWire&) = delete;
  TlsWire& operator=(const TlsWire&) = delete;

  // Reads and writes this wire, which outlives it.
  BioPointer make_bio();

  bool has_unsent() const { return !unsent_.empty(); }
  // Errors: disconnected.
  Result<> flush();

  // After a read that did not fill the buffer there is nothing more, and the
  // next one says so without asking the kernel. Once: from here on it asks.
  void look_again() { drained_ = false; }

  // Why the last read or write failed.
  int failure() const { return failure_; }
  // The peer's end of the connection was read.
  bool ended() const { return ended_; }
  // The first bytes were not TLS.
  bool is_plain_text() const { return plain_text_; }

 private:
  friend struct TlsWireBio;

  enum class Got : bool { nothing, failed };
  // The number of bytes, or less than 1: see the two.
  int read(std::span<std::byte> buffer, Got& got);
  int write(std::span<const std::byte> bytes);
  // How many the kernel took; below 0: failed.
  ssize_t send(std::span<const std::byte> bytes);

  const int fd_;
  std::vector<std::byte> unsent_;
  int failure_ = 0;  // errno
  bool drained_ = false;
  bool ended_ = false;
  bool greets_;
  bool plain_text_ = false;
};

}  // namespace weir::net::internal

#include "weir/net/internal/tls_wire.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "weir/base/check.h"

namespace weir::net::internal {
namespace {

// A record of 16 KiB is kept, or a handshake's flight with a long chain; beside it
// some answers. A peer that goes on asking for answers and takes none is given up.
constexpr std::size_t kUnsentMax = 64 << 10;

// What a request in clear text begins with, and no record of TLS.
bool is_letter(std::byte first) {
  const std::byte lower = first | std::byte{0x20};
  return lower >= std::byte{'a'} && lower <= std::byte{'z'};
}

}  // namespace

// What OpenSSL calls.
struct TlsWireBio {
  static TlsWire& wire(BIO* bio) { return *static_cast<TlsWire*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* buffer, int size) {
    BIO_clear_retry_flags(bio);
    auto got = TlsWire::Got::failed;
    const int count =
        wire(bio).read(std::as_writable_bytes(std::span(buffer, static_cast<std::size_t>(size))), got);
    if (count < 0 && got == TlsWire::Got::nothing) BIO_set_retry_read(bio);
    return count;
  }

  static int write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    return wire(bio).write(std::as_bytes(std::span(bytes, static_cast<std::size_t>(size))));
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return wire(bio).ended() ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static BIO_METHOD* method() {
    static BIO_METHOD* const kMethod = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir socket");
      WEIR_CHECK(made != nullptr && BIO_meth_set_read(made, read) == 1 &&
                     BIO_meth_set_write(made, write) == 1 && BIO_meth_set_ctrl(made, control) == 1,
                 "memory for a BIO");
      return made;
    }();
    return kMethod;
  }
};

BioPointer TlsWire::make_bio() {
  BioPointer bio(BIO_new(TlsWireBio::method()));
  if (bio == nullptr) return bio;
  BIO_set_data(bio.get(), this);
  BIO_set_init(bio.get(), 1);
  return bio;
}

int TlsWire::read(std::span<std::byte> buffer, Got& got) {
  got = Got::nothing;
  if (std::exchange(drained_, false)) return -1;
  ssize_t count = 0;
  do {
    count = ::recv(fd_, buffer.data(), buffer.size(), 0);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return -1;
  got = Got::failed;
  if (count < 0) failure_ = errno;
  if (count == 0) ended_ = true;
  if (count <= 0) return static_cast<int>(count);
  if (std::exchange(greets_, false) && is_letter(buffer[0])) {
    plain_text_ = true;
    return -1;
  }
  drained_ = static_cast<std::size_t>(count) < buffer.size();
  return static_cast<int>(count);
}

ssize_t TlsWire::send(std::span<const std::byte> bytes) {
  for (;;) {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) return count;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    if (errno != EINTR) {
      failure_ = errno;
      return -1;
    }
  }
}

int TlsWire::write(std::span<const std::byte> bytes) {
  std::size_t taken = 0;
  if (unsent_.empty()) {
    const ssize_t count = send(bytes);
    if (count < 0) return -1;
    taken = static_cast<std::size_t>(count);
  }
  if (unsent_.size() + bytes.size() - taken > kUnsentMax) {
    failure_ = ENOBUFS;
    return -1;
  }
  unsent_.insert(unsent_.end(), bytes.begin() + static_cast<std::ptrdiff_t>(taken), bytes.end());
  return static_cast<int>(bytes.size());
}

Result<> TlsWire::flush() {
  const ssize_t count = send(unsent_);
  if (count < 0) return std::unexpected(system_error(failure_, "write"));
  if (static_cast<std::size_t>(count) == unsent_.size()) {
    unsent_ = {};  // its memory as well
  } else {
    unsent_.erase(unsent_.begin(), unsent_.begin() + count);
  }
  return {};
}

}  // namespace weir::net::internal

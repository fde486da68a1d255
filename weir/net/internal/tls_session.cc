#include "weir/net/internal/tls_session.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "weir/base/check.h"

namespace weir::net::internal {
namespace {

// Plain bytes of one record (RFC 8446 section 5.1).
constexpr std::size_t kRecordMax = SSL3_RT_MAX_PLAIN_LENGTH;

std::string subject_of(const X509* certificate) {
  if (certificate == nullptr) return {};
  const BioPointer text(BIO_new(BIO_s_mem()));
  if (text == nullptr) return {};
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

// Alerts by which a peer says that it does not trust our certificate.
bool is_about_certificates(int reason) {
  static constexpr std::array kReasons{
      SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,      SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
      SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,  SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
      SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,  SSL_R_TLSV1_ALERT_UNKNOWN_CA,
      SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED};
  return std::ranges::find(kReasons, reason) != kReasons.end();
}

}  // namespace

// Pieces of a list of buffers, each at most a record: a view of a buffer that
// fills it, or several copied together.
class TlsSession::Gather {
 public:
  explicit Gather(std::span<const std::span<const std::byte>> buffers) : buffers_(buffers) {}

  // How many of so many bytes there were to pass over.
  std::size_t skip(std::size_t bytes) {
    std::size_t skipped = 0;
    while (skipped < bytes && trim()) {
      const std::size_t taken = std::min(bytes - skipped, buffers_[0].size() - begin_);
      begin_ += taken;
      skipped += taken;
    }
    return skipped;
  }

  // Empty: that was all. Valid until the next.
  std::span<const std::byte> next() {
    if (!trim()) return {};
    const std::span<const std::byte> rest = buffers_[0].subspan(begin_);
    const bool is_last = std::ranges::all_of(buffers_.subspan(1), [](auto buffer) { return buffer.empty(); });
    if (rest.size() >= kRecordMax || is_last) {
      const std::size_t size = std::min(rest.size(), kRecordMax);
      begin_ += size;
      return rest.first(size);
    }
    std::size_t size = 0;
    while (size < kRecordMax && trim()) {
      const std::size_t taken = std::min(kRecordMax - size, buffers_[0].size() - begin_);
      std::memcpy(copied_.data() + size, buffers_[0].data() + begin_, taken);
      size += taken;
      begin_ += taken;
    }
    return std::span(copied_).first(size);
  }

 private:
  // Passes over what is used up. False: nothing is left.
  bool trim() {
    while (!buffers_.empty() && begin_ == buffers_[0].size()) {
      buffers_ = buffers_.subspan(1);
      begin_ = 0;
    }
    return !buffers_.empty();
  }

  std::span<const std::span<const std::byte>> buffers_;
  std::size_t begin_ = 0;  // of the first
  std::array<std::byte, kRecordMax> copied_;
};

TlsSession::TlsSession(SslPointer ssl, int fd, Role role, std::shared_ptr<const void> keeps)
    : keeps_(std::move(keeps)), wire_(fd, role == Role::server), ssl_(std::move(ssl)) {
  BioPointer bio = wire_.make_bio();
  WEIR_CHECK(bio != nullptr, "memory for a BIO");
  SSL_set_bio(ssl_.get(), bio.get(), bio.get());  // takes it over, as one for both
  (void)bio.release();
  if (role == Role::server) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
  }
}

TlsSession::~TlsSession() {
  say_good_bye();
  // Otherwise OpenSSL takes the session for a broken one, whose ticket is of no use.
  if (!failure_) give_up();
}

Result<std::optional<TlsSession::Wait>> TlsSession::shake_hands() {
  const std::lock_guard guard(mutex_);
  if (wire_.has_unsent()) {
    if (Result<> flushed = wire_.flush(); !flushed) return std::unexpected(flushed.error());
    if (wire_.has_unsent()) return Wait::to_write;
  }
  if (!SSL_is_init_finished(ssl_.get())) {
    wire_.look_again();
    ERR_clear_error();
    const int returned = SSL_do_handshake(ssl_.get());
    if (returned != 1) {
      const Result<Outcome> outcome = look_at(returned);
      if (!outcome) return std::unexpected(handshake_failure(outcome.error()));
      if (*outcome == Outcome::ended) return fail(ErrorKind::disconnected, Reason::closed, "tls handshake");
      return wire_.has_unsent() ? Wait::to_write : Wait::to_read;
    }
  }
  if (wire_.has_unsent()) return Wait::to_write;
  return std::nullopt;
}

TlsSession::Attempt TlsSession::try_read(std::span<std::byte> buffer) {
  const std::lock_guard guard(mutex_);
  has_news_ = false;
  if (failure_) return std::unexpected(*failure_);
  wire_.look_again();
  // What was answered to the peer; whoever writes goes on with it as well.
  if (wire_.has_unsent()) (void)wire_.flush();
  std::size_t count = 0;
  while (count < buffer.size()) {
    std::size_t more = 0;
    ERR_clear_error();
    const int returned = SSL_read_ex(ssl_.get(), buffer.data() + count, buffer.size() - count, &more);
    if (returned == 1) {
      count += more;
      continue;
    }
    const Result<Outcome> outcome = look_at(returned);
    has_news_ = count > 0 && outcome != Outcome::would_wait;
    if (count > 0) break;
    if (!outcome) return std::unexpected(outcome.error());
    if (*outcome == Outcome::would_wait) return std::nullopt;
    return 0;
  }
  return count;
}

TlsSession::Attempt TlsSession::try_write(std::span<const std::span<const std::byte>> buffers) {
  const std::lock_guard guard(mutex_);
  if (failure_) return std::unexpected(*failure_);
  if (wire_.has_unsent()) {
    if (Result<> flushed = wire_.flush(); !flushed) {
      failure_ = flushed.error();
      return std::unexpected(*failure_);
    }
    if (wire_.has_unsent()) return std::nullopt;
  }
  Gather gather(buffers);
  std::size_t sent = gather.skip(owed_);
  owed_ -= sent;
  for (std::span<const std::byte> piece = gather.next(); !piece.empty(); piece = gather.next()) {
    std::size_t written = 0;
    ERR_clear_error();
    const int returned = SSL_write_ex(ssl_.get(), piece.data(), piece.size(), &written);
    if (returned != 1) {
      const Result<Outcome> outcome = look_at(returned);
      if (outcome)
        failure_ = Error{.kind = ErrorKind::disconnected, .reason = Reason::closed, .where = "write"};
      if (sent > 0) return sent;  // and the next try says why
      return std::unexpected(*failure_);
    }
    if (wire_.has_unsent()) {
      owed_ = written;
      break;
    }
    sent += written;
  }
  if (sent == 0 && owed_ > 0) return std::nullopt;
  return sent;
}

Result<bool> TlsSession::is_quiet() {
  const std::lock_guard guard(mutex_);
  if (failure_) return std::unexpected(*failure_);
  wire_.look_again();
  char next = 0;
  std::size_t count = 0;
  ERR_clear_error();
  const int returned = SSL_peek_ex(ssl_.get(), &next, 1, &count);
  if (returned == 1) return false;
  const Result<Outcome> outcome = look_at(returned);
  if (!outcome) return std::unexpected(outcome.error());
  return *outcome == Outcome::would_wait && SSL_has_pending(ssl_.get()) == 0;
}

Result<TlsSession::Outcome> TlsSession::look_at(int returned) {
  const int code = SSL_get_error(ssl_.get(), returned);
  if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) return Outcome::would_wait;
  if (code == SSL_ERROR_ZERO_RETURN) return Outcome::ended;
  failure_ = failure_of(code);
  return std::unexpected(*failure_);
}

Error TlsSession::failure_of(int code) {
  if (wire_.is_plain_text()) {
    return {.kind = ErrorKind::invalid, .reason = Reason::plain_text, .where = "tls handshake"};
  }
  if (wire_.failure() != 0) return system_error(wire_.failure(), "tls");
  if (code != SSL_ERROR_SSL || wire_.ended()) {
    return {.kind = ErrorKind::disconnected, .reason = Reason::reset, .where = "tls stream cut off"};
  }
  return {.kind = ErrorKind::disconnected, .reason = Reason::malformed, .where = queued_reason()};
}

// What a failure means while the two agree on terms.
Error TlsSession::handshake_failure(const Error& error) {
  if (error.reason == Reason::reset && error.system_code == 0) {
    return {.kind = ErrorKind::disconnected, .reason = Reason::closed, .where = "tls handshake"};
  }
  if (error.reason != Reason::malformed) return error;
  const int reason = ERR_GET_REASON(ERR_peek_error());
  if (const long verified = SSL_get_verify_result(ssl_.get());
      reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
    return {.kind = ErrorKind::invalid,
            .reason = Reason::certificate,
            .where = X509_verify_cert_error_string(verified)};
  }
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    return {.kind = ErrorKind::invalid, .reason = Reason::certificate, .where = error.where};
  }
  if (is_about_certificates(reason)) {
    return {.kind = ErrorKind::disconnected, .reason = Reason::certificate, .where = error.where};
  }
  const bool by_peer = reason >= SSL_AD_REASON_OFFSET;  // its alert
  return {.kind = by_peer ? ErrorKind::disconnected : ErrorKind::invalid,
          .reason = Reason::handshake,
          .where = error.where};
}

void TlsSession::say_good_bye() {
  const std::lock_guard guard(mutex_);
  if (failure_ || !SSL_is_init_finished(ssl_.get()) ||
      (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) {
    return;
  }
  ERR_clear_error();
  (void)SSL_shutdown(ssl_.get());
  if (wire_.has_unsent()) (void)wire_.flush();
}

void TlsSession::give_up() {
  const std::lock_guard guard(mutex_);
  SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

std::string_view TlsSession::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

TlsFacts TlsSession::facts() const {
  const std::lock_guard guard(mutex_);
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return {.version = SSL_get_version(ssl_.get()),
          .cipher = SSL_get_cipher_name(ssl_.get()),
          .server_name = name == nullptr ? "" : name,
          .peer_subject = subject_of(SSL_get0_peer_certificate(ssl_.get())),
          .resumed = SSL_session_reused(ssl_.get()) == 1};
}

}  // namespace weir::net::internal

// The replying side of a connection: what an Exchange calls.
#include <limits>

#include "weir/http/internal/connection.h"
#include "weir/http/internal/reply_text.h"

namespace weir::http::internal {
namespace {

// A body up to this size is copied behind its head, and may be held with it.
constexpr std::size_t kCopiedBodyMax = 4 << 10;
// No more is held than this.
constexpr std::size_t kHeldMax = 16 << 10;

std::unexpected<Error> misuse(std::string_view what) { return fail(ErrorKind::internal, Reason::none, what); }

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

core::Context& Connection::request_context() {
  if (upgraded_.begun()) return request_context_;
  hang_up_.want();
  hang_up_.update(body_.complete() && input_.is_drained());
  return request_context_;
}

ResponseHead& Connection::reply_head() {
  heads_->reply.clear();
  return heads_->reply;
}

void Connection::abort() {
  aborted_ = closing_ = true;
  output_.give_up();
}

bool Connection::decide_to_close(Reading reading) const {
  const std::uint64_t readable = reading == Reading::over ? service_.options.discard_max.count
                                                          : std::numeric_limits<std::uint64_t>::max();
  return closing_ || !parser_.keep_alive() || service_.shard.draining.cancelled() ||
         requests_ >= service_.options.requests_per_connection_max || !body_.may_be_discarded(readable);
}

// Appends the head to what is held. False: a reply has begun already, or this
// is no status to end with.
bool Connection::begin_reply(const ResponseHead& head, BodyLength length, Reading reading) {
  if (head_sent() || head.status < 200 || head.status > 999) return false;
  const bool is_1_0 = heads_->request.version_minor == 0;
  if (length.kind == BodyLength::Kind::chunked && is_1_0) length = BodyLength::until_close();
  if (length.kind == BodyLength::Kind::until_close && !is_1_0) length = BodyLength::chunked();
  if (length.kind == BodyLength::Kind::none) length = BodyLength::known(0);
  reply_.bodiless = heads_->request.method == "HEAD" || has_no_body(head.status);
  reply_.length = length;
  reply_.remaining = length.bytes;
  reply_.stage = Reply::Stage::started;
  body_.stop_continue();

  const bool by_close = length.kind == BodyLength::Kind::until_close && !reply_.bodiless;
  if (by_close || decide_to_close(reading)) {
    // What the client has under way is of no use any more, unless it said that
    // this was its last request.
    lingering_ |= parser_.keep_alive() && !by_close;
    closing_ = true;
  }
  ReplyFraming framing{.length = has_no_body(head.status) ? BodyLength::none() : length};
  if (closing_) {
    framing.connection = ConnectionField::close;
  } else if (is_1_0) {
    framing.connection = ConnectionField::keep_alive;
  }
  append_head(output_.held(), head, framing);
  return true;
}

Sending Connection::respond(const ResponseHead& head, std::span<const std::byte> body) {
  if (!begin_reply(head, BodyLength::known(body.size()), Reading::over)) return misuse("respond");
  if (reply_.bodiless) body = {};
  if (output_.broken()) return output_.send();
  reply_.stage = Reply::Stage::finished;
  service_.shard.counters.replies.add();
  if (body.size() > kCopiedBodyMax) return output_.send(body);
  output_.held().append(as_text(body));
  if (output_.held().size() > kHeldMax) return output_.send();
  return Result<>{};
}

Sending Connection::start(const ResponseHead& head, BodyLength length) {
  if (!begin_reply(head, length, Reading::may_go_on)) return misuse("start");
  return output_.broken() ? output_.send() : Sending(Result<>{});
}

Sending Connection::write(std::span<const std::byte> piece) {
  if (reply_.stage != Reply::Stage::started) return misuse("write");
  if (reply_.length.kind == BodyLength::Kind::known) {
    if (piece.size() > reply_.remaining) return misuse("write: more than was announced");
    reply_.remaining -= piece.size();
  }
  if (piece.empty() || reply_.bodiless) return Result<>{};
  if (reply_.length.kind != BodyLength::Kind::chunked) return output_.send(piece);
  append_chunk_size(output_.held(), piece.size());
  return output_.send(piece, std::as_bytes(std::span("\r\n", 2)));
}

Sending Connection::write_file(const FilePiece& piece) {
  if (!sends_files()) return fail(ErrorKind::unsupported, Reason::none, "write_file");
  if (reply_.stage != Reply::Stage::started || reply_.length.kind != BodyLength::Kind::known)
    return misuse("write_file");
  if (piece.bytes > reply_.remaining) return misuse("write_file: more than was announced");
  reply_.remaining -= piece.bytes;
  if (piece.bytes == 0 || reply_.bodiless) return Result<>{};
  return output_.send_file(piece);
}

core::task<Result<ByteStream*>> Connection::upgrade(const ResponseHead& head) {
  if (heads_->request.version_minor == 0) co_return fail(ErrorKind::unsupported, Reason::none, "upgrade");
  if (head_sent() || head.status != 101 || !body_.complete()) co_return misuse("upgrade");
  reply_.stage = Reply::Stage::finished;
  closing_ = true;
  append_upgrade(output_.held(), head);
  if (Result<> sent = co_await output_.send(); !sent) co_return std::unexpected(sent.error());
  output_.release();
  hang_up_.end();
  service_.shard.counters.replies.add();
  service_.shard.counters.upgrades.add();
  upgraded_.begin(socket_, input_.unread());
  co_return &upgraded_;
}

Sending Connection::finish(const Headers* trailers) {
  if (reply_.stage != Reply::Stage::started) return misuse("finish");
  const bool is_short = reply_.length.kind == BodyLength::Kind::known && reply_.remaining > 0;
  if (is_short && !reply_.bodiless) return misuse("finish: less than was announced");
  if (output_.broken()) return output_.send();
  reply_.stage = Reply::Stage::finished;
  service_.shard.counters.replies.add();
  if (reply_.length.kind == BodyLength::Kind::chunked && !reply_.bodiless) {
    append_last_chunk(output_.held(), trailers);
  }
  return Result<>{};
}

}  // namespace weir::http::internal

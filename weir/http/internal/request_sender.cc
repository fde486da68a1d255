#include "weir/http/internal/request_sender.h"

#include <algorithm>
#include <charconv>

#include "weir/base/check.h"
#include "weir/core/now.h"

namespace weir::http::internal {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kLastChunk = "0\r\n";
// After so many bytes without a wait the sender looks for an early response.
constexpr std::size_t kBurst = 256 << 10;
// What a connection keeps of a head's memory from one request to the next.
constexpr std::size_t kHeadKeptMax = 16 << 10;

void append_number(std::string& out, std::uint64_t number, int base) {
  std::array<char, 20> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number, base);
  out.append(digits.data(), end);
}

}  // namespace

bool is_framing(std::string_view name) {
  return (name.size() == 14 && equals_ignoring_case(name, "content-length")) ||
         (name.size() == 17 && equals_ignoring_case(name, "transfer-encoding"));
}

bool expects_content(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

Result<> check_request(const RequestHead& request) {
  if (request.method == "CONNECT") return fail(ErrorKind::unsupported, Reason::none, "request");
  const auto stays_in_line = [](char c) { return c > ' ' && c != '\x7f'; };
  if (!is_token(request.method) || request.target.empty() ||
      !std::ranges::all_of(request.target, stays_in_line)) {
    return fail(ErrorKind::invalid, Reason::malformed, "request");
  }
  return {};
}

Result<> RequestSender::begin(const Outgoing& request, net::Socket& socket) {
  stage_ = Stage::sending;
  body_ = request.body;
  length_ = body_ == nullptr ? 0 : body_->length();
  if (length_ == 0) body_ = nullptr;
  taken_ = 0;
  piece_pending_ = false;
  parts_begin_ = parts_end_ = burst_ = 0;
  socket_error_.reset();
  write_head(request);
  add_part(head_);
  if (body_ != nullptr) {
    if (Result<> added = add_piece(request.first_piece); !added) return added;
  }
  flush(socket);
  return {};
}

void RequestSender::write_head(const Outgoing& request) {
  const RequestHead& head = request.head;
  head_.clear();
  head_.append(head.method).append(" ").append(head.target).append(" HTTP/1.1\r\n");
  if (!head.headers.get("host")) head_.append("Host: ").append(request.authority).append(kLineEnd);
  head.headers.append_to(head_, [](const Headers::Field& field) { return !is_framing(field.name); });
  if (!length_) {
    head_.append("Transfer-Encoding: chunked\r\n");
  } else if (*length_ > 0 || expects_content(head.method)) {
    head_.append("Content-Length: ");
    append_number(head_, *length_, 10);
    head_.append(kLineEnd);
  }
  head_.append(kLineEnd);
}

core::task<Result<>> RequestSender::send_rest(core::Context& context, net::Socket& socket) {
  while (under_way()) {
    // Where neither side ever makes it wait, nobody else would look.
    if (Result<> going = context.check(core::now()); !going) co_return going;
    if (burst_ >= kBurst) {
      burst_ = 0;
      const Result<bool> quiet = socket.is_quiet();
      if (!quiet) give_up(quiet.error());
      if (!quiet || !*quiet) co_return {};
    }
    if (wants_piece()) {
      const Result<std::span<const std::byte>> piece = co_await body_->next(context);
      if (!piece) co_return std::unexpected(piece.error());
      if (Result<> added = add_piece(*piece); !added) co_return added;
    }
    if (flush(socket) == Flushed::as_taken) {
      if (Result<> ready = co_await socket.writable(context); !ready) co_return ready;
    }
  }
  co_return {};
}

Result<> RequestSender::add_piece(std::span<const std::byte> piece) {
  if (length_) {
    const std::uint64_t left = *length_ - taken_;
    if (piece.empty() || piece.size() > left) {  // never asked for once all was taken
      stop();
      return fail(ErrorKind::internal, Reason::malformed, "length of the request's body");
    }
    taken_ += piece.size();
    add_part(piece);
    piece_pending_ = true;
    if (taken_ == *length_) body_ = nullptr;
    return {};
  }
  if (piece.empty()) {
    end_body();
    return {};
  }
  chunk_line_.clear();
  append_number(chunk_line_, piece.size(), 16);
  chunk_line_.append(kLineEnd);
  add_part(chunk_line_);
  add_part(piece);
  add_part(kLineEnd);
  piece_pending_ = true;
  return {};
}

void RequestSender::end_body() {
  trailer_ = kLastChunk;
  if (const Headers* trailers = body_->trailers()) trailers->append_to(trailer_);
  trailer_.append(kLineEnd);
  add_part(trailer_);
  body_ = nullptr;
}

void RequestSender::add_part(net::ConstBuffer part) {
  WEIR_DCHECK(parts_end_ < kPartsMax, "a piece is lined up before the one before it was sent");
  parts_[parts_end_++] = part;
}

RequestSender::Flushed RequestSender::flush(net::Socket& socket) {
  while (parts_begin_ < parts_end_) {
    if (burst_ >= kBurst) return Flushed::some;
    const auto sent = socket.try_writev(std::span(parts_).subspan(parts_begin_, parts_end_ - parts_begin_));
    if (!sent) {
      give_up(sent.error());
      return Flushed::all;
    }
    if (!*sent) return Flushed::as_taken;
    std::size_t count = **sent;
    burst_ += count;
    while (parts_begin_ < parts_end_ && count >= parts_[parts_begin_].size()) {
      count -= parts_[parts_begin_++].size();
    }
    if (count > 0) parts_[parts_begin_] = parts_[parts_begin_].subspan(count);
  }
  parts_begin_ = parts_end_ = 0;
  piece_pending_ = false;
  if (body_ == nullptr) stage_ = Stage::done;
  return Flushed::all;
}

void RequestSender::give_up(const Error& error) {
  socket_error_ = error;
  stop();
}

void RequestSender::stop() {
  if (stage_ == Stage::sending) stage_ = Stage::stopped;
  body_ = nullptr;
}

void RequestSender::trim() {
  if (head_.capacity() <= kHeadKeptMax) return;
  head_.clear();
  head_.shrink_to_fit();
}

}  // namespace weir::http::internal

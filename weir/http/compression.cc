#include "weir/http/compression.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "weir/core/sleep.h"
#include "weir/http/conditions.h"
#include "weir/http/internal/compressor.h"
#include "weir/http/internal/exchange_side.h"
#include "weir/http/internal/field_text.h"
#include "weir/http/negotiation.h"

namespace weir::http {
namespace {

using internal::Compressor;
using Until = Compressor::Until;

// What comes out is sent in pieces of it.
constexpr std::size_t kBufferBytes = 16 << 10;
// A whole reply up to this size gets its length.
constexpr std::size_t kWholeMax = 256 << 10;
// What is compressed before others get a turn: about a millisecond.
constexpr std::size_t kTurnBytes = 32 << 10;

bool is_one_of(std::string_view type, std::span<const std::string_view> types) {
  return std::ranges::any_of(types, [type](std::string_view t) { return equals_ignoring_case(t, type); });
}

bool ends_with(std::string_view type, std::string_view end) {
  return type.size() > end.size() && equals_ignoring_case(type.substr(type.size() - end.size()), end);
}

}  // namespace

bool is_compressible(std::string_view content_type) {
  static constexpr std::array<std::string_view, 6> kOthers = {
      "application/wasm", "application/x-ndjson", "application/vnd.ms-fontobject", "font/ttf", "font/otf",
      "image/bmp"};
  const std::string_view type = internal::FieldText(content_type).media_type();
  if (equals_ignoring_case(type.substr(0, 5), "text/")) return true;
  for (const std::string_view end : {"/json", "+json", "/xml", "+xml", "/javascript"}) {
    if (ends_with(type, end)) return true;
  }
  return is_one_of(type, kOthers);
}

bool Compression::worth_it(std::string_view content_type) const {
  if (is_compressible(content_type)) return true;
  const std::string_view type = internal::FieldText(content_type).media_type();
  return std::ranges::any_of(options_.more_types,
                             [type](const std::string& t) { return equals_ignoring_case(t, type); });
}

Compression::Stats Compression::stats() const {
  const auto read = [](const std::atomic<std::uint64_t>& n) { return n.load(std::memory_order_relaxed); };
  return {.compressed = read(compressed_),
          .bytes_in = read(bytes_in_),
          .bytes_out = read(bytes_out_),
          .over_streams = read(over_streams_)};
}

// Stands between the handler and whoever carries the reply.
class Compression::Side final : public internal::ExchangeSide {
 public:
  Side(Compression& owner, Exchange& to) : owner_(owner), to_(to) {}
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  ~Side() {
    if (compressor_) owner_.streams_.fetch_sub(1, std::memory_order_relaxed);
  }

  core::Context& request_context() override { return to_.context(); }
  const RequestHead& request() const override { return to_.request(); }
  BodySource& body() override { return to_.body(); }
  const net::SocketAddress& peer() const override { return to_.peer(); }
  const ConnectionFacts& facts() const override { return to_.facts(); }
  ResponseHead& reply_head() override { return to_.reply_head(); }
  bool head_sent() const override { return to_.head_sent(); }
  void abort() override { to_.abort(); }
  core::task<Result<ByteStream*>> upgrade(const ResponseHead& head) override { return to_.upgrade(head); }
  core::Context& draining() override { return to_.draining(); }

  Sending respond(const ResponseHead& head, std::span<const std::byte> body) override;
  Sending start(const ResponseHead& head, BodyLength length) override;
  Sending write(std::span<const std::byte> piece) override;
  Sending finish(const Headers* trailers) override;
  Sending flush() override;

 private:
  // Whether the head is to be the one in `head_`, which is filled then.
  bool changes(const ResponseHead& head, std::optional<std::uint64_t> size);
  bool begin();
  core::task<Result<>> respond_whole(std::span<const std::byte> body);
  core::task<Result<>> respond_streamed(std::span<const std::byte> body);
  core::task<Result<>> push(std::span<const std::byte> in, Until until);
  core::task<Result<>> end(const Headers* trailers);
  core::task<Result<>> push_and_flush();

  Compression& owner_;
  Exchange& to_;
  ResponseHead head_;
  ContentCoding coding_ = ContentCoding::identity;
  std::unique_ptr<Compressor> compressor_;
  std::vector<std::byte> buffer_;
  std::size_t filled_ = 0;
};

// RFC 9110 sections 8.4, 8.8.3 and 12.5.5.
bool Compression::Side::changes(const ResponseHead& head, std::optional<std::uint64_t> size) {
  const bool bodiless = has_no_body(head.status);
  if (head.status == 206 || head.status < 200 || (bodiless && head.status != 304)) return false;
  const bool typed = head.status == 304 || owner_.worth_it(head.headers.get("Content-Type").value_or(""));
  if (!typed || head.headers.get("Content-Encoding") || head.headers.get("Content-Range") ||
      head.headers.has_token("Cache-Control", "no-transform")) {
    return false;
  }
  if (size && *size < owner_.options_.min.count && !bodiless) return false;
  std::array<ContentCoding, 2> offers{};
  std::size_t count = 0;
  if (owner_.options_.brotli) offers[count++] = ContentCoding::brotli;
  if (owner_.options_.gzip) offers[count++] = ContentCoding::gzip;
  coding_ = choose_coding(to_.request().headers, std::span(offers).first(count));
  const bool takes = coding_ != ContentCoding::identity && (bodiless || begin());
  head_ = head;
  if (!head_.headers.has_token("Vary", "Accept-Encoding") && !head_.headers.has_token("Vary", "*")) {
    head_.headers.add("Vary", "Accept-Encoding");
  }
  if (!takes) return true;
  const auto tag = head_.headers.get("ETag");
  if (tag && tag->starts_with('"')) head_.headers.set("ETag", "W/" + std::string(*tag));
  if (bodiless) return true;
  head_.headers.add("Content-Encoding", to_string(coding_));
  head_.headers.remove("Accept-Ranges");
  return true;
}

// False: there are enough of them already.
bool Compression::Side::begin() {
  if (to_.request().method == "HEAD") return true;
  if (owner_.streams_.fetch_add(1, std::memory_order_relaxed) < owner_.options_.streams_max) {
    const bool gzip = coding_ == ContentCoding::gzip;
    compressor_ =
        internal::make_compressor(coding_, gzip ? owner_.options_.gzip_level : owner_.options_.brotli_level);
  }
  if (compressor_) {
    buffer_.resize(kBufferBytes);
    owner_.compressed_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  owner_.streams_.fetch_sub(1, std::memory_order_relaxed);
  owner_.over_streams_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

Sending Compression::Side::respond(const ResponseHead& head, std::span<const std::byte> body) {
  if (to_.head_sent() || !changes(head, body.size())) return to_.respond(head, body);
  if (compressor_) return body.size() <= kWholeMax ? respond_whole(body) : respond_streamed(body);
  const bool as_if_compressed = head_.headers.get("Content-Encoding").has_value();
  if (!as_if_compressed) return to_.respond(head_, body);
  return respond_streamed({});  // to HEAD: a length that is not known without the work
}

core::task<Result<>> Compression::Side::respond_whole(std::span<const std::byte> body) {
  std::vector<std::byte> out(body.size());
  std::size_t made = 0;
  auto rest = body;
  for (bool done = false; !done && made < out.size();) {
    const auto turn = rest.first(std::min(rest.size(), kTurnBytes));
    const bool last = turn.size() == rest.size();
    const Compressor::Step step =
        compressor_->step(turn, std::span(out).subspan(made), last ? Until::ended : Until::later);
    rest = rest.subspan(step.taken);
    made += step.made;
    done = last && step.done;
    if (!done && !rest.empty()) co_await core::yield();
    if (done) out.resize(made);
  }
  owner_.bytes_in_.fetch_add(body.size(), std::memory_order_relaxed);
  owner_.bytes_out_.fetch_add(made, std::memory_order_relaxed);
  if (out.size() == body.size()) {  // no smaller: as it is
    head_.headers.remove("Content-Encoding");
    co_return co_await to_.respond(head_, body);
  }
  co_return co_await to_.respond(head_, std::span<const std::byte>(out));
}

core::task<Result<>> Compression::Side::respond_streamed(std::span<const std::byte> body) {
  if (const Result<> begun = co_await to_.start(head_, BodyLength::chunked()); !begun) co_return begun;
  if (const Result<> pushed = co_await push(body, Until::later); !pushed) co_return pushed;
  co_return co_await end(nullptr);
}

Sending Compression::Side::start(const ResponseHead& head, BodyLength length) {
  const bool known = length.kind == BodyLength::Kind::known || length.kind == BodyLength::Kind::none;
  const auto size = known ? std::optional(length.bytes) : std::nullopt;
  if (to_.head_sent() || !changes(head, size)) return to_.start(head, length);
  const bool compressed = head_.headers.get("Content-Encoding").has_value();
  return to_.start(head_, compressed ? BodyLength::chunked() : length);
}

Sending Compression::Side::write(std::span<const std::byte> piece) {
  if (!compressor_) return to_.write(piece);
  return push(piece, Until::later);
}

Sending Compression::Side::flush() {
  if (!compressor_ || !to_.head_sent()) return to_.flush();
  return push_and_flush();
}

Sending Compression::Side::finish(const Headers* trailers) {
  if (!compressor_) return to_.finish(trailers);
  return end(trailers);
}

core::task<Result<>> Compression::Side::push(std::span<const std::byte> in, Until until) {
  if (!compressor_) co_return Result<>();
  owner_.bytes_in_.fetch_add(in.size(), std::memory_order_relaxed);
  for (bool done = false; !done;) {
    const auto turn = in.first(std::min(in.size(), kTurnBytes));
    const bool last = turn.size() == in.size();
    const Compressor::Step step =
        compressor_->step(turn, std::span(buffer_).subspan(filled_), last ? until : Until::later);
    in = in.subspan(step.taken);
    filled_ += step.made;
    done = last && step.done;
    if (filled_ == buffer_.size() || (done && until != Until::later && filled_ > 0)) {
      owner_.bytes_out_.fetch_add(filled_, std::memory_order_relaxed);
      const auto made = std::span<const std::byte>(buffer_).first(std::exchange(filled_, 0));
      if (const Result<> written = co_await to_.write(made); !written) co_return written;
    } else if (!done && !in.empty()) {
      co_await core::yield();
    }
  }
  co_return Result<>();
}

core::task<Result<>> Compression::Side::push_and_flush() {
  if (const Result<> pushed = co_await push({}, Until::flushed); !pushed) co_return pushed;
  co_return co_await to_.flush();
}

core::task<Result<>> Compression::Side::end(const Headers* trailers) {
  if (const Result<> pushed = co_await push({}, Until::ended); !pushed) co_return pushed;
  co_return co_await to_.finish(trailers);
}

core::task<void> Compression::around(Exchange& exchange, Next next) {
  Side side(*this, exchange);
  Exchange within(side);
  co_await next(within);
}

}  // namespace weir::http

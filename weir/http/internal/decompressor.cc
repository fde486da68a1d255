#include "weir/http/internal/decompressor.h"

#include <brotli/decode.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

#include "weir/http/headers.h"

namespace weir::http::internal {
namespace {

constexpr int kWindowBits = 15;
constexpr int kGzip = 16;  // zlib's way to say "gzip's header and trailer"

class Inflate final : public Decompressor {
 public:
  explicit Inflate(bool gzip) : gzip_(gzip) {}
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;
  ~Inflate() override {
    if (begun_) inflateEnd(&stream_);
  }

  Step step(std::span<const std::byte> in, std::span<std::byte> out) override {
    if (!begun_ && !begin(in.front())) return {0, 0, State::wrong};
    // One gzip stream behind another is their bytes one behind the other (RFC 1952).
    if (ended_ && (!gzip_ || inflateReset(&stream_) != Z_OK)) return {0, 0, State::wrong};
    ended_ = false;
    return run(in, out);
  }

  Step flush(std::span<std::byte> out) override {
    if (!begun_) return {0, 0, State::more};
    if (ended_) return {0, 0, State::ended};
    return run({}, out);
  }

 private:
  // "deflate" is zlib's format by the standard (RFC 9110 section 8.4.1.2), and the bare
  // one by what some servers send; a zlib stream begins with its method, 8.
  bool begin(std::byte first) {
    const bool zlib = (first & std::byte{0x0f}) == std::byte{8};
    const int bits = gzip_ ? kWindowBits + kGzip : zlib ? kWindowBits : -kWindowBits;
    begun_ = inflateInit2(&stream_, bits) == Z_OK;
    return begun_;
  }

  Step run(std::span<const std::byte> in, std::span<std::byte> out) {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();  // zlib counts in 32 bits
    const std::size_t given = std::min(in.size(), kMost);
    const std::size_t room = std::min(out.size(), kMost);
    // It does not write there, and says so only since a later version.
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
    stream_.avail_in = static_cast<uInt>(given);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    ended_ = result == Z_STREAM_END;
    const bool fine = ended_ || result == Z_OK || result == Z_BUF_ERROR;
    return {given - stream_.avail_in, room - stream_.avail_out,
            !fine    ? State::wrong
            : ended_ ? State::ended
                     : State::more};
  }

  const bool gzip_;
  z_stream stream_{};
  bool begun_ = false;
  bool ended_ = false;
};

class Brotli final : public Decompressor {
 public:
  Brotli() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {}
  Brotli(const Brotli&) = delete;
  Brotli& operator=(const Brotli&) = delete;
  ~Brotli() override { BrotliDecoderDestroyInstance(state_); }

  bool is_there() const { return state_ != nullptr; }

  Step step(std::span<const std::byte> in, std::span<std::byte> out) override {
    if (BrotliDecoderIsFinished(state_) != 0) return {0, 0, State::wrong};
    return run(in, out);
  }
  Step flush(std::span<std::byte> out) override { return run({}, out); }

 private:
  Step run(std::span<const std::byte> in, std::span<std::byte> out) {
    std::size_t unread = in.size();
    std::size_t room = out.size();
    const auto* from = reinterpret_cast<const std::uint8_t*>(in.data());
    auto* to = reinterpret_cast<std::uint8_t*>(out.data());
    const BrotliDecoderResult result =
        BrotliDecoderDecompressStream(state_, &unread, &from, &room, &to, nullptr);
    return {in.size() - unread, out.size() - room,
            result == BROTLI_DECODER_RESULT_ERROR     ? State::wrong
            : result == BROTLI_DECODER_RESULT_SUCCESS ? State::ended
                                                      : State::more};
  }

  BrotliDecoderState* const state_;
};

}  // namespace

std::unique_ptr<Decompressor> make_decompressor(std::string_view coding) {
  if (equals_ignoring_case(coding, "gzip") || equals_ignoring_case(coding, "x-gzip"))
    return std::make_unique<Inflate>(true);
  if (equals_ignoring_case(coding, "deflate")) return std::make_unique<Inflate>(false);
  if (!equals_ignoring_case(coding, "br")) return nullptr;
  auto brotli = std::make_unique<Brotli>();
  return brotli->is_there() ? std::move(brotli) : nullptr;
}

}  // namespace weir::http::internal

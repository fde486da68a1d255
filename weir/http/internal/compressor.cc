#include "weir/http/internal/compressor.h"

#include <brotli/encode.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "weir/base/check.h"

namespace weir::http::internal {
namespace {

// Each costs its memory: with 18 bits it is twice to three times as much.
constexpr std::uint32_t kBrotliWindowBits = 16;
// 15 bits of window, and 16 more: zlib's way to say "gzip's header and trailer".
constexpr int kGzipWindowBits = 15 + 16;
constexpr int kGzipMemoryLevel = 8;  // zlib's default

// How much was asked for stands before it.
constexpr std::size_t kSizeBytes = 16;

class Gzip final : public Compressor {
 public:
  Gzip() {
    stream_.zalloc = [](void* self, uInt items, uInt each) {
      return allocate(self, std::size_t{items} * each);
    };
    stream_.zfree = release;
    stream_.opaque = this;
  }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;
  ~Gzip() override {
    if (begun_) deflateEnd(&stream_);
  }

  bool begin(int level) {
    begun_ = deflateInit2(&stream_, level, Z_DEFLATED, kGzipWindowBits, kGzipMemoryLevel,
                          Z_DEFAULT_STRATEGY) == Z_OK;
    return begun_;
  }

  Step step(std::span<const std::byte> in, std::span<std::byte> out, Until until) override {
    // zlib counts in 32 bits.
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    const std::size_t given = std::min(in.size(), kMost);
    const std::size_t room = std::min(out.size(), kMost);
    // It does not write there, and says so only since a later version.
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
    stream_.avail_in = static_cast<uInt>(given);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(room);
    const int flush = given < in.size()         ? Z_NO_FLUSH
                      : until == Until::ended   ? Z_FINISH
                      : until == Until::flushed ? Z_SYNC_FLUSH
                                                : Z_NO_FLUSH;
    const int result = deflate(&stream_, flush);
    WEIR_CHECK(result != Z_STREAM_ERROR, "the stream is whole");
    const Step step{.taken = given - stream_.avail_in, .made = room - stream_.avail_out, .done = false};
    const bool empty = step.taken == in.size();
    if (until == Until::ended) return {step.taken, step.made, result == Z_STREAM_END};
    return {step.taken, step.made, empty && stream_.avail_out > 0};
  }

 private:
  z_stream stream_{};
  bool begun_ = false;
};

class Brotli final : public Compressor {
 public:
  Brotli() : state_(BrotliEncoderCreateInstance(allocate, release, this)) {}
  Brotli(const Brotli&) = delete;
  Brotli& operator=(const Brotli&) = delete;
  ~Brotli() override { BrotliEncoderDestroyInstance(state_); }

  bool begin(int level) {
    return state_ != nullptr &&
           BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, static_cast<std::uint32_t>(level)) != 0 &&
           BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGWIN, kBrotliWindowBits) != 0;
  }

  Step step(std::span<const std::byte> in, std::span<std::byte> out, Until until) override {
    std::size_t unread = in.size();
    std::size_t room = out.size();
    const auto* from = reinterpret_cast<const std::uint8_t*>(in.data());
    auto* to = reinterpret_cast<std::uint8_t*>(out.data());
    const BrotliEncoderOperation operation = until == Until::ended     ? BROTLI_OPERATION_FINISH
                                             : until == Until::flushed ? BROTLI_OPERATION_FLUSH
                                                                       : BROTLI_OPERATION_PROCESS;
    const int ok = BrotliEncoderCompressStream(state_, operation, &unread, &from, &room, &to, nullptr);
    WEIR_CHECK(ok != 0, "the stream is whole");
    const bool over = until == Until::ended ? BrotliEncoderIsFinished(state_) != 0
                                            : unread == 0 && BrotliEncoderHasMoreOutput(state_) == 0;
    return {in.size() - unread, out.size() - room, over};
  }

 private:
  BrotliEncoderState* const state_;
};

template <typename T>
std::unique_ptr<Compressor> begun(int level) {
  auto made = std::make_unique<T>();
  if (!made->begin(level)) return nullptr;
  return made;
}

}  // namespace

void* Compressor::allocate(void* self, std::size_t bytes) {
  auto* const memory = static_cast<std::byte*>(std::malloc(bytes + kSizeBytes));
  if (memory == nullptr) return nullptr;
  std::memcpy(memory, &bytes, sizeof bytes);
  auto* const of = static_cast<Compressor*>(self);
  of->held_ += bytes;
  of->peak_ = std::max(of->peak_, of->held_);
  return memory + kSizeBytes;
}

void Compressor::release(void* self, void* memory) {
  if (memory == nullptr) return;
  std::byte* const begin = static_cast<std::byte*>(memory) - kSizeBytes;
  std::size_t bytes = 0;
  std::memcpy(&bytes, begin, sizeof bytes);
  static_cast<Compressor*>(self)->held_ -= bytes;
  std::free(begin);
}

std::unique_ptr<Compressor> make_compressor(ContentCoding coding, int level) {
  if (coding == ContentCoding::gzip) return begun<Gzip>(std::clamp(level, 1, 9));
  return begun<Brotli>(std::clamp(level, 0, kBrotliLevelMax));
}

}  // namespace weir::http::internal

// A compressed body, read as what it was: gzip, deflate and brotli, a piece at a time,
// and no more of it than its limits allow. A few bytes can stand for gigabytes.
//
//   http::DecodedBody body(compressed, *http::DecodedBody::coding_of(head.headers), {});
//   ... as any BodySource
//
// http::Client does it by itself where Options::decode says so.
//
// Memory: a buffer of 16 KiB and what the coding needs: 44 KiB, brotli as much as its
// stream's window, up to 16 MiB.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/body.h"
#include "weir/http/headers.h"

namespace weir::http {

namespace internal {
class Decompressor;
}

struct DecodeLimits {
  // Bytes out for each byte in. Text and JSON come to 3 to 20, logs to 50; what was
  // made to be a bomb to 1,000 (gzip) and to millions (brotli). At least 1.
  std::uint32_t ratio_max = 200;
  // As much comes out whatever the ratio: a small body that repeats itself is none.
  Bytes free = kibibytes(64);
  // Of the whole body. At least 1.
  Bytes bytes_max = mebibytes(64);
};

class DecodedBody final : public BodySource {
 public:
  // What to ask for: "gzip, deflate, br".
  static constexpr std::string_view kAcceptEncoding = "gzip, deflate, br";

  // The one coding that Content-Encoding names, where it is one of ours. nullopt: the
  // body is to be read as it is; of several, one upon the other, we decode none.
  static std::optional<std::string_view> coding_of(const Headers& headers);

  // `compressed` outlives it. `coding`: of coding_of().
  DecodedBody(BodySource& compressed, std::string_view coding, const DecodeLimits& limits);
  ~DecodedBody() override;

  // Errors, besides those of `compressed`, which stay as well: invalid (malformed, at
  // "content-encoding": no such stream, or cut off; too_large, at "content-encoding
  // ratio" or "decoded body": the limits). What came before is handed out.
  core::task<Result<std::span<const std::byte>>> next(core::Context& context) override;
  // Not known before the end, but of an empty one.
  std::optional<std::uint64_t> length() const override;
  const Headers* trailers() const override { return compressed_.trailers(); }

 private:
  static constexpr std::size_t kBufferBytes = 16 << 10;

  // Nothing: more input is wanted.
  std::optional<Result<std::span<const std::byte>>> decode();
  std::unexpected<Error> fail_with(Reason reason, std::string_view where);
  // How much may still come out; 0: none.
  std::uint64_t room() const;

  BodySource& compressed_;
  const DecodeLimits limits_;
  const std::unique_ptr<internal::Decompressor> decompressor_;
  std::span<const std::byte> in_;  // what has come and was not taken
  std::uint64_t taken_ = 0;        // that came, `in_` included
  std::uint64_t made_ = 0;
  bool full_ = false;   // the buffer was, so that more may come without input
  bool ended_ = false;  // the stream, as far as it has come
  bool over_ = false;
  std::optional<Error> failure_;
  std::array<std::byte, kBufferBytes> out_;
};

}  // namespace weir::http

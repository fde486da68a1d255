#include "weir/http/decoding.h"

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <vector>

#include "weir/core/runtime.h"
#include "weir/core/simulation.h"

namespace weir::http {
namespace {

// In pieces of so many bytes; then the error, if there is one, or the end.
class Pieces final : public BodySource {
 public:
  Pieces(std::string text, std::size_t each) : text_(std::move(text)), each_(each) {}

  core::task<Result<std::span<const std::byte>>> next(core::Context&) override {
    const std::string_view piece = std::string_view(text_).substr(at_, each_);
    at_ += piece.size();
    co_return std::as_bytes(std::span(piece));
  }
  std::optional<std::uint64_t> length() const override { return text_.size(); }
  const Headers* trailers() const override { return nullptr; }

  std::size_t read() const { return at_; }

 private:
  const std::string text_;
  const std::size_t each_;
  std::size_t at_ = 0;
};

std::string zipped(std::string_view text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}
std::string gzipped(std::string_view text) { return zipped(text, 15 + 16); }

std::string brotlied(std::string_view text) {
  std::size_t size = BrotliEncoderMaxCompressedSize(text.size()) + 1024;
  std::string out(size, '\0');
  EXPECT_TRUE(BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, text.size(),
                                    reinterpret_cast<const std::uint8_t*>(text.data()), &size,
                                    reinterpret_cast<std::uint8_t*>(out.data())));
  out.resize(size);
  return out;
}

std::string prose(std::size_t size) {
  std::string text;
  for (unsigned i = 0; text.size() < size; ++i)
    text += "line " + std::to_string(i * i * 7919 % 100'003) + "\n";
  text.resize(size);
  return text;
}

struct Read {
  std::string text;
  std::optional<Error> error;
  bool again = true;  // the end, or the same error, when asked once more
  std::size_t compressed = 0;
};

Read read(std::string compressed, std::string_view coding, DecodeLimits limits = {},
          std::size_t each = 1000) {
  core::Simulation simulation({.seed = 1});
  core::Runtime runtime({.processors = 1, .simulation = &simulation});
  Pieces pieces(std::move(compressed), each);
  Read read;
  EXPECT_TRUE(runtime.run([&](core::Scope& root) -> core::task<> {
    DecodedBody body(pieces, coding, limits);
    for (;;) {
      const auto piece = co_await body.next(root.context());
      if (!piece) read.error = piece.error();
      if (!piece || piece->empty()) break;
      read.text.append(reinterpret_cast<const char*>(piece->data()), piece->size());
    }
    const auto again = co_await body.next(root.context());
    read.again = read.error ? !again && again.error().where == read.error->where : again && again->empty();
  }));
  read.compressed = pieces.read();
  EXPECT_TRUE(read.again);
  return read;
}

TEST(DecodedBody, IsWhatItWasInEachCodingAndHoweverItComes) {
  const std::string text = prose(300'000);
  for (const std::size_t each : {1, 7, 1000, 1 << 20}) {
    SCOPED_TRACE(each);
    for (const auto& [coding, compressed] : {std::pair<std::string, std::string>{"gzip", gzipped(text)},
                                             {"X-GZip", gzipped(text)},
                                             {"deflate", zipped(text, 15)},
                                             {"deflate", zipped(text, -15)},
                                             {"br", brotlied(text)}}) {
      SCOPED_TRACE(coding);
      const Read whole = read(compressed, coding, {}, each);
      EXPECT_FALSE(whole.error) << whole.error->message();
      EXPECT_EQ(whole.text, text);
    }
  }
}

TEST(DecodedBody, OneGzipStreamBehindAnotherIsOneBody) {
  const Read whole = read(gzipped("one, ") + gzipped("") + gzipped("two"), "gzip");
  EXPECT_FALSE(whole.error);
  EXPECT_EQ(whole.text, "one, two");
}

TEST(DecodedBody, NothingIsAnEmptyBody) {
  EXPECT_EQ(read("", "gzip").text, "");
  EXPECT_FALSE(read("", "br").error);
  EXPECT_EQ(read(gzipped(""), "gzip").text, "");
  EXPECT_FALSE(read(brotlied(""), "br").error);
}

TEST(DecodedBody, WhatIsNoSuchStreamIsMalformed) {
  const std::string text = prose(50'000);
  std::string flipped = gzipped(text);
  flipped[flipped.size() - 6] ^= 1;  // of its checksum
  for (const auto& [coding, compressed] : {std::pair<std::string, std::string>{"gzip", text},
                                           {"br", "\xff\xff\xff\xff"},
                                           {"gzip", gzipped(text).substr(0, 4000)},
                                           {"br", brotlied(text).substr(0, 4000)},
                                           {"gzip", gzipped(text) + "more"},
                                           {"br", brotlied(text) + "more"},
                                           {"deflate", zipped(text, 15) + "more"},
                                           {"gzip", flipped},
                                           {"gzip", brotlied(text)}}) {
    SCOPED_TRACE(coding);
    const Read wrong = read(compressed, coding);
    ASSERT_TRUE(wrong.error);
    EXPECT_EQ(wrong.error->message(), "invalid: malformed at content-encoding");
    EXPECT_TRUE(text.starts_with(wrong.text));
  }
}

TEST(DecodedBody, ABombIsGivenUpAtItsRatio) {
  const std::string zeros(64 << 20, '\0');
  for (const auto& [coding, bomb] :
       {std::pair<std::string, std::string>{"gzip", gzipped(zeros)}, {"br", brotlied(zeros)}}) {
    SCOPED_TRACE(coding);
    const Read read_of =
        read(bomb, coding, {.ratio_max = 100, .free = kibibytes(64), .bytes_max = mebibytes(1024)});
    ASSERT_TRUE(read_of.error);
    EXPECT_EQ(read_of.error->message(), "invalid: too_large at content-encoding ratio");
    EXPECT_LE(read_of.text.size(), std::max<std::size_t>(64 << 10, read_of.compressed * 100));
  }
}

TEST(DecodedBody, NoMoreComesOutThanIsAllowedInAll) {
  const std::string text = prose(100'000);
  const Read cut = read(gzipped(text), "gzip", {.bytes_max = Bytes{99'999}});
  ASSERT_TRUE(cut.error);
  EXPECT_EQ(cut.error->message(), "invalid: too_large at decoded body");
  EXPECT_LE(cut.text.size(), 99'999u);
  EXPECT_TRUE(text.starts_with(cut.text));
  EXPECT_EQ(read(gzipped(text), "gzip", {.bytes_max = Bytes{100'000}}).text, text);
  EXPECT_EQ(read(brotlied(text), "br", {.bytes_max = Bytes{100'000}}).text, text);
}

TEST(DecodedBody, ASmallBodyMayRepeatItself) {
  const std::string same(60'000, 'a');
  EXPECT_EQ(read(gzipped(same), "gzip", {.ratio_max = 1}).text, same);
}

TEST(DecodedBody, OnlyOneCodingThatIsOursIsDecoded) {
  const auto coding = [](std::initializer_list<std::string_view> values) {
    Headers headers;
    for (const std::string_view value : values) headers.add("Content-Encoding", value);
    return std::string(DecodedBody::coding_of(headers).value_or("none"));
  };
  EXPECT_EQ(coding({"gzip"}), "gzip");
  EXPECT_EQ(coding({"GZIP"}), "gzip");
  EXPECT_EQ(coding({"br"}), "br");
  EXPECT_EQ(coding({}), "none");
  EXPECT_EQ(coding({"identity"}), "none");
  EXPECT_EQ(coding({"zstd"}), "none");
  EXPECT_EQ(coding({"gzip, gzip"}), "none");
  EXPECT_EQ(coding({"gzip", "br"}), "none");
}

}  // namespace
}  // namespace weir::http

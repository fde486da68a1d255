#include "weir/http/compression.h"

#include <brotli/decode.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

#include "weir/http/in_memory.h"
#include "weir/http/router.h"

namespace weir::http {
namespace {

// As far as it goes: a stream that has not ended gives what it has so far.
std::string unzipped(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(4 << 20, '\0');
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  (void)inflate(&stream, Z_SYNC_FLUSH);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

std::string unbrotlied(std::string_view text) {
  std::string out(4 << 20, '\0');
  std::size_t size = out.size();
  EXPECT_EQ(BrotliDecoderDecompress(text.size(), reinterpret_cast<const std::uint8_t*>(text.data()), &size,
                                    reinterpret_cast<std::uint8_t*>(out.data())),
            BROTLI_DECODER_RESULT_SUCCESS);
  out.resize(size);
  return out;
}

// Text that is neither all the same nor noise.
std::string prose(std::size_t size) {
  std::string text;
  for (unsigned i = 0; text.size() < size; ++i)
    text += "line " + std::to_string(i * i * 7919 % 100'003) + "\n";
  text.resize(size);
  return text;
}

core::task<void> whole(Exchange& exchange) {
  ResponseHead& head = exchange.reply_head();
  head.headers.add("Content-Type", exchange.request().headers.get("X-Type").value_or("text/plain"));
  head.headers.add("ETag", "\"v1\"");
  if (const auto coding = exchange.request().headers.get("X-Coding"))
    head.headers.add("Content-Encoding", *coding);
  if (const auto cache = exchange.request().headers.get("X-Cache")) head.headers.add("Cache-Control", *cache);
  const std::size_t size = exchange.request().target == "/small" ? 100 : 400'000;
  (void)co_await exchange.respond(head, prose(exchange.request().target == "/middle" ? 50'000 : size));
}

core::task<void> streamed(Exchange& exchange) {
  ResponseHead& head = exchange.reply_head();
  head.headers.add("Content-Type", "text/event-stream");
  EXPECT_TRUE(co_await exchange.start(head, BodyLength::chunked()));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(co_await exchange.write("data: " + std::to_string(i) + "\n\n"));
    EXPECT_TRUE(co_await exchange.flush());
  }
  if (exchange.request().target == "/open") co_return;
  (void)co_await exchange.finish();
}

class CompressionTest : public testing::Test {
 protected:
  InMemoryReply get(std::string target, std::vector<std::pair<std::string, std::string>> headers,
                    std::string method = "GET") {
    auto router =
        Router::make({{"GET /{path...}", whole}, {"GET /stream", streamed}, {"GET /open", streamed}},
                     {bind<&Compression::around>(*compression_)});
    return ask(*router,
               {.method = std::move(method), .target = std::move(target), .headers = std::move(headers)});
  }
  void with(Compression::Options options) {
    compression_ = std::make_unique<Compression>(std::move(options));
  }

  std::unique_ptr<Compression> compression_ = std::make_unique<Compression>(Compression::Options{});
};

TEST_F(CompressionTest, CompressesForThoseWhoTakeIt) {
  const InMemoryReply gzip = get("/middle", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(gzip.header("Content-Encoding"), "gzip");
  EXPECT_EQ(gzip.header("Vary"), "Accept-Encoding");
  EXPECT_EQ(gzip.header("ETag"), "W/\"v1\"");
  EXPECT_EQ(gzip.header("Content-Length"), std::to_string(gzip.body.size()));
  EXPECT_EQ(unzipped(gzip.body), prose(50'000));
  EXPECT_LT(gzip.body.size(), 25'000u);
  const InMemoryReply brotli = get("/middle", {{"Accept-Encoding", "gzip, br"}});
  EXPECT_EQ(brotli.header("Content-Encoding"), "br");
  EXPECT_EQ(unbrotlied(brotli.body), prose(50'000));
  EXPECT_EQ(compression_->stats().compressed, 2u);
  EXPECT_EQ(compression_->stats().bytes_in, 100'000u);
  EXPECT_EQ(compression_->stats().bytes_out, gzip.body.size() + brotli.body.size());
}

TEST_F(CompressionTest, StreamsWhatIsLarge) {
  for (const char* coding : {"gzip", "br"}) {
    const InMemoryReply reply = get("/large", {{"Accept-Encoding", coding}});
    EXPECT_EQ(reply.header("Content-Length"), "");
    EXPECT_GT(reply.writes, 1u);
    EXPECT_TRUE(reply.complete);
    EXPECT_EQ(coding == std::string("br") ? unbrotlied(reply.body) : unzipped(reply.body), prose(400'000));
  }
}

TEST_F(CompressionTest, SendsWhatThereIsAtEachFlush) {
  const InMemoryReply open = get("/open", {{"Accept-Encoding", "gzip"}});
  EXPECT_FALSE(open.complete);
  EXPECT_EQ(open.flushes, 3u);
  EXPECT_EQ(unzipped(open.body), "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  const InMemoryReply ended = get("/stream", {{"Accept-Encoding", "br"}});
  EXPECT_EQ(unbrotlied(ended.body), "data: 0\n\ndata: 1\n\ndata: 2\n\n");
}

TEST_F(CompressionTest, LeavesAloneWhatIsNotWorthItOrNotToBeTouched) {
  const auto untouched = [&](std::string target, std::vector<std::pair<std::string, std::string>> headers) {
    headers.emplace_back("Accept-Encoding", "gzip");
    const InMemoryReply reply = get(std::move(target), std::move(headers));
    return reply.header("ETag") == "\"v1\"" && reply.body == prose(reply.body.size());
  };
  EXPECT_TRUE(untouched("/small", {}));
  EXPECT_TRUE(untouched("/middle", {{"X-Type", "image/png"}}));
  EXPECT_TRUE(untouched("/middle", {{"X-Coding", "zstd"}}));
  EXPECT_TRUE(untouched("/middle", {{"X-Cache", "no-transform"}}));
  const InMemoryReply plain = get("/middle", {});
  EXPECT_EQ(plain.body, prose(50'000));
  EXPECT_EQ(plain.header("Vary"), "Accept-Encoding");
  EXPECT_EQ(plain.header("ETag"), "\"v1\"");
}

TEST_F(CompressionTest, AnswersHeadAsGetWithoutItsLength) {
  const InMemoryReply reply = get("/middle", {{"Accept-Encoding", "gzip"}}, "HEAD");
  EXPECT_EQ(reply.header("Content-Encoding"), "gzip");
  EXPECT_EQ(reply.header("ETag"), "W/\"v1\"");
  EXPECT_EQ(reply.header("Content-Length"), "");
  EXPECT_EQ(reply.body, "");
  EXPECT_TRUE(reply.complete);
}

TEST_F(CompressionTest, SendsAsItIsWhatIsBeyondItsStreams) {
  with({.streams_max = 0});
  const InMemoryReply reply = get("/middle", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(reply.body, prose(50'000));
  EXPECT_EQ(reply.header("Content-Encoding"), "");
  EXPECT_EQ(compression_->stats().over_streams, 1u);
}

TEST_F(CompressionTest, OffersWhatItIsTold) {
  with({.brotli = false});
  EXPECT_EQ(get("/middle", {{"Accept-Encoding", "br, gzip"}}).header("Content-Encoding"), "gzip");
  with({.gzip = false, .more_types = {"image/png"}});
  EXPECT_EQ(
      get("/middle", {{"Accept-Encoding", "br, gzip"}, {"X-Type", "image/png"}}).header("Content-Encoding"),
      "br");
}

TEST(Compressible, IsWhatIsText) {
  for (const char* type : {"text/html; charset=utf-8", "application/json", "application/problem+json",
                           "image/svg+xml", "application/wasm", "TEXT/CSS"}) {
    EXPECT_TRUE(is_compressible(type)) << type;
  }
  for (const char* type : {"", "image/png", "video/mp4", "application/zip", "font/woff2", "textual/x"}) {
    EXPECT_FALSE(is_compressible(type)) << type;
  }
}

}  // namespace
}  // namespace weir::http

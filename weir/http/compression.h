// Compresses replies, for clients that take it: middleware.
//
//   http::Compression compression({});
//   auto router = http::Router::make({...}, {http::bind<&http::Compression::around>(compression)});
//
// A reply is compressed when its Content-Type is worth it, it is not known to be
// small, has no Content-Encoding yet and no "Cache-Control: no-transform", is no part
// of something (206) and the client takes gzip or brotli; Vary says that it depends
// on that. Its ETag becomes a weak one, because its bytes are others now; what it
// said of ranges is left out. HEAD gets the head that GET would, without the length.
//
// What is written comes out when there is enough of it, and at each flush() whatever
// there is: a handler that streams flushes where its client waits (EventStream does).
//
// Memory: a stream that is compressed holds at most 262 KiB (gzip), 960 KiB (brotli up
// to 3) or 2.2 MiB (above), and a buffer of 16 KiB; `streams_max` of them are open at
// once, and what comes beyond goes out as it is. A reply given as a whole is compressed whole
// up to 256 KiB, so that its length is known.
//
// Any task, several at once. It outlives what it stands around.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/units.h"
#include "weir/core/task.h"
#include "weir/http/exchange.h"
#include "weir/http/handling.h"

namespace weir::http {

class Compression {
 public:
  struct Options {
    bool gzip = true;
    bool brotli = true;  // rather than gzip, where a client takes both
    // 1 (fast) to 9. zlib's 6 takes half as long again for 1 or 2% less.
    int gzip_level = 5;
    // 0 (fast) to 6. What is above takes ten times the memory, and is for files that
    // are compressed once.
    int brotli_level = 3;
    // What is smaller fits a packet either way. Of a reply whose length is known.
    Bytes min = Bytes{1024};
    // Compressed at once. 0: none is.
    std::uint32_t streams_max = 256;
    // Types besides text/*, */json, */*+json, */xml, */*+xml, */javascript,
    // application/wasm and some fonts.
    std::vector<std::string> more_types = {};
  };
  struct Stats {
    std::uint64_t compressed;  // replies
    std::uint64_t bytes_in;    // of them
    std::uint64_t bytes_out;
    std::uint64_t over_streams;  // went out as they were, because of streams_max
  };

  explicit Compression(Options options) : options_(std::move(options)) {}
  Compression(const Compression&) = delete;
  Compression& operator=(const Compression&) = delete;

  core::task<void> around(Exchange& exchange, Next next);

  Stats stats() const;

 private:
  class Side;

  bool worth_it(std::string_view content_type) const;

  const Options options_;
  // relaxed: they order nothing.
  std::atomic<std::uint32_t> streams_{0};
  std::atomic<std::uint64_t> compressed_{0};
  std::atomic<std::uint64_t> bytes_in_{0};
  std::atomic<std::uint64_t> bytes_out_{0};
  std::atomic<std::uint64_t> over_streams_{0};
};

// What content of this type may be worth: text is, what is compressed already is not.
bool is_compressible(std::string_view content_type);

}  // namespace weir::http

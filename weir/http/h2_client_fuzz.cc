// Any frames from a server, to the client's side of HTTP/2: limits hold, each
// stream ends or goes on, and nothing is read that is not there.
//
// The first byte chooses how the bytes are cut into reads; the second, what
// happens to the streams between them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "weir/http/internal/h2_client_session.h"

namespace weir::http::internal {
namespace {

constexpr std::size_t kStreams = 4;
constexpr Bytes kWindow{2000};
constexpr H2ClientSession::Limits kLimits{
    .response = {.head = Bytes{600}, .fields = 10, .target = Bytes{100}, .body = Bytes{5000}},
    .interim_max = 3,
    .stream_window = kWindow,
    .connection_window = Bytes{65'535},
    .secure = false,
};

void expect(bool holds) {
  if (!holds) std::abort();
}

void check(const H2ClientStream& stream) {
  expect(stream.head.headers.size() <= kLimits.response.fields);
  expect(stream.trailers.size() <= kLimits.response.fields);
  // It may have as much as the window it was promised, and no more.
  expect(stream.incoming.size() <= std::max<std::size_t>(kWindow.count, 65'535));
  expect(!stream.ended || stream.head_complete);
  expect(!stream.closed || stream.ended || stream.error.has_value());
}

void run(std::span<const std::byte> input) {
  if (input.size() < 2) return;
  const std::size_t cut = std::to_integer<std::size_t>(input[0]) % 64 + 1;
  const auto habits = std::to_integer<unsigned>(input[1]);
  input = input.subspan(2);
  H2ClientSession session(kLimits);
  std::vector<H2ClientStream> streams(kStreams);
  const RequestHead head;
  for (H2ClientStream& stream : streams) {
    const Outgoing request{.head = head, .authority = "fuzz", .body = nullptr, .first_piece = {}};
    expect(session.open(stream, request, 0).has_value());
  }
  std::vector<std::byte> out;
  (void)session.produce(out, 64 << 10);
  for (std::size_t i = 0; !input.empty() && !session.end(); ++i) {
    const std::span<const std::byte> piece = input.first(std::min(cut, input.size()));
    input = input.subspan(piece.size());
    if (!session.feed(piece)) break;
    out.clear();
    if (!session.produce(out, 64 << 10)) break;
    H2ClientStream& stream = streams[i % kStreams];
    check(stream);
    if ((habits & 1) != 0 && !stream.incoming.empty()) {
      session.consumed(stream, stream.incoming.size());
      stream.incoming.clear();
    }
    if ((habits & 2) != 0 && i % 7 == 6) session.drop(stream, H2Drop::cancelled);
    if ((habits & 4) != 0 && i % 5 == 4) session.ping();
  }
  session.fail_all({.kind = ErrorKind::disconnected, .reason = Reason::closed});
  for (H2ClientStream& stream : streams) {
    if (stream.linked()) check(stream);
    session.drop(stream, H2Drop::cancelled);
  }
  // Nothing is said to streams that are gone.
  streams.clear();
  (void)session.produce(out, 64 << 10);
}

}  // namespace
}  // namespace weir::http::internal

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::http::internal::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}

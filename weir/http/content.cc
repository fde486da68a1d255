#include "weir/http/content.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "weir/http/ranges.h"

namespace weir::http {
namespace {

constexpr std::uint64_t kPieceBytes = 64 << 10;

// What no content has by chance, and none can have been made to have.
std::string make_boundary() {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::random_device random;
  std::string boundary = "weir";
  for (int i = 0; i < 4; ++i) {
    for (std::uint32_t bits = random(), n = 0; n < 8; ++n, bits >>= 4) boundary += kHex[bits & 15];
  }
  return boundary;
}

// What is sent, in order: text of ours and parts of the content.
struct Piece {
  std::string before;
  ByteRange range;
};
struct Plan {
  std::vector<Piece> pieces;
  std::string after;

  std::uint64_t size() const {
    std::uint64_t size = after.size();
    for (const Piece& piece : pieces) size += piece.before.size() + piece.range.size;
    return size;
  }
};

// RFC 9110 section 14.6.
Plan plan_of(const std::vector<ByteRange>& parts, std::uint64_t size, ResponseHead& head) {
  if (parts.size() == 1) {
    head.headers.set("Content-Range", content_range(parts[0], size));
    return {.pieces = {{{}, parts[0]}}, .after = {}};
  }
  const std::string boundary = make_boundary();
  const std::string type(head.headers.get("Content-Type").value_or("application/octet-stream"));
  Plan plan;
  for (const ByteRange& part : parts) {
    std::string before = plan.pieces.empty() ? "--" : "\r\n--";
    before += boundary + "\r\nContent-Type: " + type + "\r\nContent-Range: " + content_range(part, size) +
              "\r\n\r\n";
    plan.pieces.push_back({std::move(before), part});
  }
  plan.after = "\r\n--" + boundary + "--\r\n";
  head.headers.set("Content-Type", "multipart/byteranges; boundary=" + boundary);
  return plan;
}

core::task<Result<>> send_range(Exchange& exchange, Content& content, ByteRange range) {
  const bool sends_files = exchange.sends_files();
  while (range.size > 0) {
    if (const auto lying = sends_files ? content.in_file(range.first, range.size) : std::nullopt) {
      if (const Result<> written = co_await exchange.write_file(*lying); !written) co_return written;
      range = {range.first + lying->bytes, range.size - lying->bytes};
      continue;
    }
    const auto piece =
        co_await content.read(exchange.context(), range.first, std::min(range.size, kPieceBytes));
    if (!piece) {
      exchange.abort();
      co_return std::unexpected(piece.error());
    }
    if (const Result<> written = co_await exchange.write(*piece); !written) co_return written;
    range = {range.first + piece->size(), range.size - piece->size()};
  }
  co_return Result<>();
}

core::task<Result<>> send(Exchange& exchange, const ResponseHead& head, Content& content, Plan plan) {
  const bool is_head = exchange.request().method == "HEAD";
  if (!is_head && plan.pieces.size() == 1 && plan.size() <= kPieceBytes) {
    const ByteRange range = plan.pieces[0].range;
    const auto all = co_await content.read(exchange.context(), range.first, range.size);
    if (!all) co_return std::unexpected(all.error());
    if (all->size() == range.size) co_return co_await exchange.respond(head, *all);
  }
  if (const Result<> begun = co_await exchange.start(head, BodyLength::known(plan.size())); !begun) {
    co_return begun;
  }
  for (const Piece& piece : plan.pieces) {
    if (is_head) break;
    if (!piece.before.empty()) {
      if (const Result<> written = co_await exchange.write(piece.before); !written) co_return written;
    }
    if (const Result<> sent = co_await send_range(exchange, content, piece.range); !sent) co_return sent;
  }
  if (!is_head && !plan.after.empty()) {
    if (const Result<> written = co_await exchange.write(plan.after); !written) co_return written;
  }
  co_return co_await exchange.finish();
}

}  // namespace

core::task<Result<std::span<const std::byte>>> MemoryContent::read(core::Context&, std::uint64_t at,
                                                                   std::uint64_t max) {
  co_return bytes_.subspan(at, std::min<std::uint64_t>(max, bytes_.size() - at));
}

core::task<Result<>> respond_content(Exchange& exchange, ResponseHead& head, Validators validators,
                                     Content& content) {
  const RequestHead& request = exchange.request();
  if (!validators.etag.empty()) head.headers.set("ETag", validators.etag);
  if (validators.last_modified) head.headers.set("Last-Modified", to_http_date(*validators.last_modified));
  head.headers.set("Accept-Ranges", "bytes");
  const Condition condition = check_conditions(request, validators);
  if (condition != Condition::holds) {
    head.status = condition == Condition::failed ? 412 : 304;
    head.headers.remove("Content-Type");
    co_return co_await exchange.respond(head, std::string_view());
  }
  const std::uint64_t size = content.size();
  Plan plan{.pieces = {{{}, {0, size}}}, .after = {}};
  const auto asked = request.headers.get("Range");
  if (asked && request.method == "GET" && range_applies(request, validators)) {
    const Ranges ranges = parse_ranges(*asked, size);
    if (ranges.kind == Ranges::Kind::unsatisfiable) {
      head.status = 416;
      head.headers.set("Content-Range", content_range_unsatisfied(size));
      head.headers.remove("Content-Type");
      co_return co_await exchange.respond(head, std::string_view());
    }
    if (ranges.kind == Ranges::Kind::parts) {
      head.status = 206;
      plan = plan_of(ranges.parts, size, head);
    }
  }
  co_return co_await send(exchange, head, content, std::move(plan));
}

}  // namespace weir::http

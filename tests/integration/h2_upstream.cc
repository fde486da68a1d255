#include "tests/integration/h2_upstream.h"

#include <nghttp2/nghttp2.h>

#include <stdexcept>

namespace weir::testing {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kFrameHead = 9;
constexpr std::size_t kDataMax = 16'384;

std::string number(std::uint64_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 0xff);
  return text;
}

std::uint32_t read_number(std::string_view text) {
  std::uint32_t value = 0;
  for (const char c : text) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

}  // namespace

std::string H2Request::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return {};
}

H2Peer::H2Peer(BadUpstream::Peer& peer, const Settings& wanted) : peer_(peer) {
  if (nghttp2_hd_deflate_new(&deflater_, 4096) != 0 || nghttp2_hd_inflate_new(&inflater_) != 0) {
    throw std::runtime_error("no memory for HPACK");
  }
  const std::string preface = peer_.read_bytes(kPreface.size());
  if (!preface.empty() && preface != kPreface) throw std::runtime_error("no HTTP/2 preface: " + preface);
  settings(wanted);
}

H2Peer::~H2Peer() {
  nghttp2_hd_deflate_del(deflater_);
  nghttp2_hd_inflate_del(inflater_);
}

std::optional<H2Frame> H2Peer::read_frame() {
  const std::string head = peer_.read_bytes(kFrameHead);
  if (head.size() < kFrameHead) return std::nullopt;
  H2Frame frame;
  frame.type = static_cast<std::uint8_t>(head[3]);
  frame.flags = static_cast<std::uint8_t>(head[4]);
  frame.stream = read_number(std::string_view(head).substr(5)) & 0x7fffffff;
  const std::uint32_t size = read_number(std::string_view(head).substr(0, 3));
  frame.payload = peer_.read_bytes(size);
  if (frame.payload.size() < size) return std::nullopt;
  return frame;
}

H2Request* H2Peer::read_some() {
  for (;;) {
    const std::optional<H2Frame> frame = read_frame();
    if (!frame) return nullptr;
    const bool ack = (frame->flags & kAck) != 0;
    if (frame->type == kSettings && !ack) this->frame(kSettings, kAck, 0, {});
    if (frame->type == kPing && !ack) this->frame(kPing, kAck, 0, frame->payload);
    if (frame->type == kPing && ack) ++pings_answered_;
    if (frame->stream == 0) return &connection_;
    H2Request& of = requests_[frame->stream];
    of.id = frame->stream;
    if (frame->type == kHeaders) (of.fields.empty() ? of.fields : of.trailers) = inflate(frame->payload);
    if (frame->type == kData) {
      of.body += frame->payload;
      const auto size = static_cast<std::uint32_t>(frame->payload.size());
      if (generous_ && size > 0) {
        window(0, size);
        window(of.id, size);
      }
    }
    if (frame->type == kReset) of.reset = read_number(frame->payload);
    if ((frame->type == kHeaders || frame->type == kData) && (frame->flags & kEndStream) != 0) {
      of.complete = true;
    }
    return &of;
  }
}

std::optional<H2Request> H2Peer::read_request() {
  for (;;) {
    const H2Request* const changed = read_some();
    if (changed == nullptr) return std::nullopt;
    if (changed->complete && !changed->reset) return *changed;
  }
}

void H2Peer::linger() {
  while (read_some() != nullptr) {
  }
}

H2Fields H2Peer::inflate(std::string_view block) {
  H2Fields fields;
  const auto* in = reinterpret_cast<const std::uint8_t*>(block.data());
  std::size_t left = block.size();
  for (;;) {
    nghttp2_nv field;
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, in, left, 1);
    if (used < 0) throw std::runtime_error("the client's fields cannot be read");
    in += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      const auto text = [](const std::uint8_t* bytes, std::size_t size) {
        return std::string(reinterpret_cast<const char*>(bytes), size);
      };
      fields.emplace_back(text(field.name, field.namelen), text(field.value, field.valuelen));
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_);
  return fields;
}

std::string H2Peer::compress(const H2Fields& fields) {
  std::vector<nghttp2_nv> block;
  for (const auto& [name, value] : fields) {
    const auto bytes = [](const std::string& text) {
      return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
    };
    block.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  std::string out(nghttp2_hd_deflate_bound(deflater_, block.data(), block.size()), '\0');
  const ssize_t size = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<std::uint8_t*>(out.data()),
                                             out.size(), block.data(), block.size());
  out.resize(static_cast<std::size_t>(size));
  return out;
}

bool H2Peer::frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  std::string bytes = number(payload.size(), 3);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  bytes += number(stream, 4);
  bytes += payload;
  return peer_.write(bytes);
}

bool H2Peer::headers(std::uint32_t stream, const H2Fields& fields, bool ends) {
  const auto flags = static_cast<std::uint8_t>(kEndHeaders | (ends ? kEndStream : 0));
  return frame(kHeaders, flags, stream, compress(fields));
}

bool H2Peer::data(std::uint32_t stream, std::string_view bytes, bool ends) {
  do {
    const std::string_view part = bytes.substr(0, kDataMax);
    bytes.remove_prefix(part.size());
    if (!frame(kData, ends && bytes.empty() ? kEndStream : 0, stream, part)) return false;
  } while (!bytes.empty());
  return true;
}

bool H2Peer::respond(std::uint32_t stream, std::string_view body, const H2Fields& fields) {
  H2Fields all{{":status", "200"}, {"content-length", std::to_string(body.size())}};
  all.insert(all.end(), fields.begin(), fields.end());
  return headers(stream, all) && data(stream, body, true);
}

bool H2Peer::reset_stream(std::uint32_t stream, std::uint32_t code) {
  return frame(kReset, 0, stream, number(code, 4));
}

bool H2Peer::go_away(std::uint32_t last_stream, std::uint32_t code) {
  return frame(kGoaway, 0, 0, number(last_stream, 4) + number(code, 4));
}

bool H2Peer::settings(const Settings& settings) {
  std::string payload;
  for (const auto& [id, value] : settings) payload += number(id, 2) + number(value, 4);
  return frame(kSettings, 0, 0, payload);
}

bool H2Peer::ping() { return frame(kPing, 0, 0, "12345678"); }

bool H2Peer::window(std::uint32_t stream, std::uint32_t more) {
  return frame(kWindow, 0, stream, number(more, 4));
}

BadUpstream::Script h2_serve(std::string body, H2Fields fields) {
  return [body = std::move(body), fields = std::move(fields)](BadUpstream::Peer& peer) {
    H2Peer h2(peer);
    while (const auto request = h2.read_request()) {
      if (!h2.respond(request->id, body, fields)) return;
    }
  };
}

}  // namespace weir::testing

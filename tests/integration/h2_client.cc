#include "tests/integration/h2_client.h"

#include <nghttp2/nghttp2.h>

#include <utility>

#include "weir/base/check.h"

namespace weir::testing {
namespace {

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

// RFC 7541 section 5.1, with a prefix of seven bits, not Huffman.
void append_string(std::string& block, std::string_view text) {
  std::size_t size = text.size();
  if (size < 127) {
    block.push_back(static_cast<char>(size));
  } else {
    block.push_back(127);
    for (size -= 127; size >= 128; size /= 128) block.push_back(static_cast<char>(size % 128 + 128));
    block.push_back(static_cast<char>(size));
  }
  block.append(text);
}

}  // namespace

std::optional<std::string> H2Reply::field(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (field == name) return value;
  }
  return std::nullopt;
}

std::string h2_number(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift & 0xff));
  return bytes;
}

std::string h2_frame(H2Type type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  std::string frame = h2_number(static_cast<std::uint32_t>(payload.size())).substr(1);
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  return frame.append(h2_number(stream)).append(payload);
}

std::string h2_block(const H2FieldList& fields) {
  std::string block;
  for (const auto& [name, value] : fields) {
    block.push_back(0);  // literal, not indexed, a new name
    append_string(block, name);
    append_string(block, value);
  }
  return block;
}

H2FieldList h2_get(std::string_view path, H2FieldList more) {
  H2FieldList fields{
      {":method", "GET"}, {":scheme", "http"}, {":path", std::string(path)}, {":authority", "test"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

H2Client::H2Client(const net::SocketAddress& address, std::uint32_t window) : client_(address) {
  WEIR_CHECK(nghttp2_hd_inflate_new(&inflater_) == 0, "out of memory");
  constexpr std::string_view kInitialWindow{"\0\4", 2};
  send(NGHTTP2_CLIENT_MAGIC);
  send_frame(kSettings, 0, 0, std::string(kInitialWindow) + h2_number(window));
}

H2Client::~H2Client() { nghttp2_hd_inflate_del(inflater_); }

bool H2Client::send_frame(H2Type type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  return send(h2_frame(type, flags, stream, payload));
}

bool H2Client::send_head(std::uint32_t stream, const H2FieldList& fields, std::uint8_t flags) {
  return send_frame(kHeaders, flags | kEndHeaders, stream, h2_block(fields));
}

bool H2Client::send_window(std::uint32_t stream, std::uint32_t bytes) {
  return send_frame(kWindowUpdate, 0, stream, h2_number(bytes));
}

bool H2Client::read_frame() {
  constexpr std::size_t kHeadBytes = 9;
  const std::string head = client_.read_bytes(kHeadBytes);
  if (head.size() < kHeadBytes) return false;
  const std::size_t size = number_at(head, 0) >> 8;
  const std::string payload = client_.read_bytes(size);
  if (payload.size() < size) return false;
  on_frame(static_cast<std::uint8_t>(head[3]), static_cast<std::uint8_t>(head[4]), number_at(head, 5),
           payload);
  return true;
}

void H2Client::on_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                        std::string_view payload) {
  switch (type) {
    case kData: replies_[stream].body.append(payload); break;
    case kHeaders:
    case kContinuation:
      block_.append(payload);
      ends_ = ends_ || (type == kHeaders && (flags & kEndStream) != 0);
      if ((flags & kEndHeaders) == 0) return;
      on_head(replies_[stream], std::exchange(block_, {}));
      if (std::exchange(ends_, false)) replies_[stream].complete = true;
      return;
    case kReset: replies_[stream].reset = number_at(payload, 0); return;
    case kSettings:
      if ((flags & kAck) == 0 && acknowledges_) send_frame(kSettings, kAck, 0, {});
      return;
    case kPing:
      if ((flags & kAck) != 0) ++pings_acknowledged_;
      if ((flags & kAck) == 0 && acknowledges_) send_frame(kPing, kAck, 0, payload);
      return;
    case kGoAway:
      go_aways_.push_back(number_at(payload, 0));
      end_code_ = number_at(payload, 4);
      return;
    case kWindowUpdate: window_updates_[stream] += number_at(payload, 0); return;
    default: return;
  }
  if ((flags & kEndStream) != 0) replies_[stream].complete = true;
}

void H2Client::on_head(H2Reply& reply, std::string_view block) {
  H2FieldList fields;
  const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
  std::size_t left = block.size();
  for (;;) {
    nghttp2_nv field{};
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, at, left, 1);
    WEIR_CHECK(used >= 0, "the server's header block is broken");
    at += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      fields.emplace_back(std::string(reinterpret_cast<const char*>(field.name), field.namelen),
                          std::string(reinterpret_cast<const char*>(field.value), field.valuelen));
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_);
  ++reply.heads;
  if (fields.empty() || fields.front().first != ":status") {
    reply.trailers = fields;
    return;
  }
  reply.status = fields.front().second;
  reply.fields = fields;
}

bool H2Client::read_until(const std::function<bool()>& so) {
  while (!so()) {
    if (!read_frame()) return so();
  }
  return true;
}

const H2Reply& H2Client::read_reply(std::uint32_t stream) {
  const H2Reply& reply = replies_[stream];
  read_until([&] { return reply.complete || reply.reset; });
  return reply;
}

bool H2Client::round_trip() {
  const int before = pings_acknowledged_;
  send_frame(kPing, 0, 0, "12345678");
  return read_until([&] { return pings_acknowledged_ > before; });
}

std::optional<std::uint32_t> H2Client::read_to_end() {
  read_until([] { return false; });
  return end_code_;
}

std::uint64_t H2Client::window_updates(std::uint32_t stream) const {
  const auto found = window_updates_.find(stream);
  return found == window_updates_.end() ? 0 : found->second;
}

}  // namespace weir::testing

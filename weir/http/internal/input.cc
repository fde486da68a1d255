#include "weir/http/internal/input.h"

#include <cstring>
#include <optional>
#include <utility>

#include "weir/base/check.h"

namespace weir::http::internal {

Result<Input::Got> Input::read() {
  WEIR_DCHECK(unread_.size() < kReadBytes, "no room to read into");
  if (buffer_ == nullptr) buffer_ = take_read_buffer();
  const std::size_t kept = unread_.size();
  if (kept > 0) std::memmove(buffer_.get(), unread_.data(), kept);
  unread_ = {buffer_.get(), kept};
  const std::span<std::byte> room(buffer_.get() + kept, kReadBytes - kept);
  const Result<std::optional<std::size_t>> moved = socket_.try_read(room);
  if (!moved) return std::unexpected(moved.error());
  if (!moved->has_value()) {
    may_have_more_ = false;
    return Got::nothing;
  }
  unread_ = {buffer_.get(), kept + **moved};
  may_have_more_ = **moved == room.size();
  return **moved == 0 ? Got::end : Got::bytes;
}

void Input::release() {
  if (unread_.empty() && buffer_ != nullptr) give_back(std::move(buffer_));
}

}  // namespace weir::http::internal

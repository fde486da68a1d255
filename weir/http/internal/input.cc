#include "weir/http/internal/input.h"

#include <optional>
#include <utility>

#include "weir/base/check.h"

namespace weir::http::internal {

Result<Input::Got> Input::read() {
  WEIR_DCHECK(unread_.empty(), "read before what was read is consumed");
  if (buffer_ == nullptr) buffer_ = take_read_buffer();
  const Result<std::optional<std::size_t>> moved = socket_.try_read({buffer_.get(), kReadBytes});
  if (!moved) return std::unexpected(moved.error());
  if (!moved->has_value()) {
    may_have_more_ = false;
    return Got::nothing;
  }
  unread_ = {buffer_.get(), **moved};
  may_have_more_ = unread_.size() == kReadBytes;
  return unread_.empty() ? Got::end : Got::bytes;
}

void Input::release() {
  if (unread_.empty() && buffer_ != nullptr) give_back(std::move(buffer_));
}

}  // namespace weir::http::internal

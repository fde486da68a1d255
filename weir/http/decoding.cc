#include "weir/http/decoding.h"

#include <algorithm>

#include "weir/http/internal/decompressor.h"

namespace weir::http {

std::optional<std::string_view> DecodedBody::coding_of(const Headers& headers) {
  static constexpr std::array<std::string_view, 4> kCodings{"gzip", "x-gzip", "deflate", "br"};
  const std::optional<std::string_view> value = headers.get("content-encoding");
  if (!value || headers.get_all("content-encoding").size() != 1) return std::nullopt;
  const auto known = std::ranges::find_if(
      kCodings, [&](std::string_view coding) { return equals_ignoring_case(coding, *value); });
  if (known == kCodings.end()) return std::nullopt;
  return *known;
}

DecodedBody::DecodedBody(BodySource& compressed, std::string_view coding, const DecodeLimits& limits)
    : compressed_(compressed), limits_(limits), decompressor_(internal::make_decompressor(coding)) {
  if (decompressor_ == nullptr)
    failure_ = Error{ErrorKind::overloaded, Reason::memory_low, 0, "content-encoding"};
}

DecodedBody::~DecodedBody() = default;

std::optional<std::uint64_t> DecodedBody::length() const {
  return compressed_.length() == 0 ? std::optional<std::uint64_t>(0) : std::nullopt;
}

std::unexpected<Error> DecodedBody::fail_with(Reason reason, std::string_view where) {
  failure_ = Error{.kind = ErrorKind::invalid, .reason = reason, .where = where};
  return std::unexpected(*failure_);
}

std::uint64_t DecodedBody::room() const {
  const std::uint64_t by_ratio = std::max(limits_.free.count, taken_ * limits_.ratio_max);
  const std::uint64_t most = std::min(limits_.bytes_max.count, by_ratio);
  return most - std::min(most, made_);
}

// The step that meets a limit has one byte of room too many: whether anything is to
// come beyond it is only known when it does.
std::optional<Result<std::span<const std::byte>>> DecodedBody::decode() {
  while (full_ || !in_.empty()) {
    const std::uint64_t may = room();
    const std::span<std::byte> out =
        std::span(out_).first(std::min<std::uint64_t>(may, kBufferBytes - 1) + 1);
    const bool flushing = in_.empty();
    const internal::Decompressor::Step step =
        flushing ? decompressor_->flush(out) : decompressor_->step(in_, out);
    using State = internal::Decompressor::State;
    if (step.state == State::wrong) return fail_with(Reason::malformed, "content-encoding");
    if (!flushing && step.taken == 0 && step.made == 0 && step.state == State::more)
      return fail_with(Reason::malformed, "content-encoding");
    in_ = in_.subspan(step.taken);
    ended_ = step.state == State::ended;
    full_ = !ended_ && step.made == out.size();
    if (step.made > may) {
      const bool by_ratio = made_ + step.made <= limits_.bytes_max.count;
      return fail_with(Reason::too_large, by_ratio ? "content-encoding ratio" : "decoded body");
    }
    made_ += step.made;
    if (step.made > 0) return std::span<const std::byte>(out.first(step.made));
  }
  return std::nullopt;
}

core::task<Result<std::span<const std::byte>>> DecodedBody::next(core::Context& context) {
  for (;;) {
    if (failure_) co_return std::unexpected(*failure_);
    if (over_) co_return std::span<const std::byte>();
    if (auto piece = decode()) co_return std::move(*piece);
    const Result<std::span<const std::byte>> more = co_await compressed_.next(context);
    if (!more) co_return std::unexpected(more.error());
    in_ = *more;
    taken_ += in_.size();
    if (!in_.empty()) continue;
    over_ = true;
    // A reply without a body has no stream either.
    if (taken_ > 0 && !ended_) co_return fail_with(Reason::malformed, "content-encoding");
  }
}

}  // namespace weir::http

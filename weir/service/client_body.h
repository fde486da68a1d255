// The bodies that an upstream is sent.
//
// One task at a time, as http::BodySource.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "weir/core/task.h"
#include "weir/http/body.h"

namespace weir::service {

// The client's, and whether it was the client's side that failed.
class ClientBody final : public http::BodySource {
 public:
  explicit ClientBody(http::BodySource& inner) : inner_(inner) {}

  // Before the first piece: keeps a copy of it, where it is not larger than this. Of
  // several askers the one who takes most says how large.
  void keep(std::uint64_t bytes_max) {
    bytes_max_ = std::max(bytes_max_, bytes_max);
    if (inner_.length().value_or(0) <= bytes_max_) copy_.emplace();
    whole_ = inner_.length() == 0;
  }
  // Null: it was not kept, or has not come whole.
  const std::string* kept() const { return whole_ && copy_ ? &*copy_ : nullptr; }
  // The copy has done what it was for.
  void forget() { copy_.reset(); }
  // What has been read of it, which is copied no more; next() has the rest. nullopt: a
  // part of it is gone.
  std::optional<std::string> take_back() {
    if (failed_ || (begun_ && !copy_)) return std::nullopt;
    return std::exchange(copy_, std::nullopt).value_or("");
  }

  core::task<Result<std::span<const std::byte>>> next(core::Context& context) override {
    begun_ = true;
    auto piece = co_await inner_.next(context);
    if (!piece) note(piece.error());
    if (piece && copy_) add(*piece);
    co_return piece;
  }
  core::task<Result<>> gather(core::Context& context) override {
    Result<> gathered = co_await inner_.gather(context);
    if (!gathered) note(gathered.error());
    co_return gathered;
  }
  bool gathered() const override { return inner_.gathered(); }
  std::optional<std::uint64_t> length() const override { return inner_.length(); }
  const http::Headers* trailers() const override { return inner_.trailers(); }

  bool failed() const { return failed_; }

 private:
  // A wait that was given up, because the call's time is up or the upstream says
  // something meanwhile, is not the client's doing.
  void note(const Error& error) {
    failed_ |= error.kind != ErrorKind::deadline && error.kind != ErrorKind::cancelled;
  }
  void add(std::span<const std::byte> piece) {
    if (copy_->size() + piece.size() > bytes_max_) return copy_.reset();
    // At once: growing by doubling it would take more than it is to have.
    if (copy_->empty()) copy_->reserve(inner_.length().value_or(bytes_max_));
    copy_->append(reinterpret_cast<const char*>(piece.data()), piece.size());
    // Of a body whose length is known nobody asks for the end.
    whole_ = piece.empty() || inner_.length() == copy_->size();
  }

  http::BodySource& inner_;
  bool failed_ = false;
  bool begun_ = false;
  bool whole_ = false;
  std::uint64_t bytes_max_ = 0;
  std::optional<std::string> copy_;
};

// One that is there already.
class TextBody final : public http::BodySource {
 public:
  // `text` outlives it.
  explicit TextBody(std::string_view text) : text_(text), length_(text.size()) {}

  core::task<Result<std::span<const std::byte>>> next(core::Context&) override {
    co_return std::as_bytes(std::span(std::exchange(text_, {})));
  }
  std::optional<std::uint64_t> length() const override { return length_; }
  const http::Headers* trailers() const override { return nullptr; }

 private:
  std::string_view text_;
  const std::uint64_t length_;
};

}  // namespace weir::service

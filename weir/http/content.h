// A representation that is there as a whole, in memory or in a file: sent as the
// client asks for it. What it has already is not sent again (304), what it has part of
// is sent in parts (206, several as multipart/byteranges), what it means to change is
// guarded (412), ranges that are not there are refused (416).
//
//   ResponseHead& head = exchange.reply_head();
//   head.headers.add("Content-Type", "image/png");
//   MemoryContent picture(bytes);
//   (void)co_await respond_content(exchange, head, {.etag = "\"v7\""}, picture);
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "weir/base/result.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/conditions.h"
#include "weir/http/exchange.h"
#include "weir/http/file_piece.h"

namespace weir::http {

class Content {
 public:
  virtual ~Content() = default;

  virtual std::uint64_t size() const = 0;
  // Some bytes from `at` on, at least one and at most `max` > 0; there are that many.
  // The span is valid until the next call. Errors: whatever reading it meets; the
  // reply is then cut off.
  virtual core::task<Result<std::span<const std::byte>>> read(core::Context& context, std::uint64_t at,
                                                              std::uint64_t max) = 0;
  // Where these bytes lie in a file, or the first of them, if they can be sent from there
  // without a wait for a disk. nullopt: read() them.
  virtual std::optional<FilePiece> in_file(std::uint64_t, std::uint64_t) { return std::nullopt; }
};

class MemoryContent final : public Content {
 public:
  // The bytes outlive it.
  explicit MemoryContent(std::span<const std::byte> bytes) : bytes_(bytes) {}
  explicit MemoryContent(std::string_view text) : bytes_(std::as_bytes(std::span(text))) {}

  std::uint64_t size() const override { return bytes_.size(); }
  core::task<Result<std::span<const std::byte>>> read(core::Context& context, std::uint64_t at,
                                                      std::uint64_t max) override;

 private:
  const std::span<const std::byte> bytes_;
};

// `head`: of the reply with the whole, Content-Type and what else belongs to it;
// status, ETag, Last-Modified, Accept-Ranges and Content-Range are added. Ranges are
// for GET; a reply of more than 64 KiB is read and sent in pieces. Errors: those of
// Exchange::write; those of Content::read, with the reply cut off.
core::task<Result<>> respond_content(Exchange& exchange, ResponseHead& head, Validators validators,
                                     Content& content);

}  // namespace weir::http

#include "weir/http/internal/buffers.h"

#include <utility>
#include <vector>

namespace weir::http::internal {
namespace {

template <typename Buffer>
class Shelf {
 public:
  Shelf() { kept_.reserve(kBuffersKept); }

  // An empty one when there is none.
  Buffer take() {
    if (kept_.empty()) return {};
    Buffer buffer = std::move(kept_.back());
    kept_.pop_back();
    return buffer;
  }
  void put(Buffer buffer) {
    if (kept_.size() < kBuffersKept) kept_.push_back(std::move(buffer));
  }

 private:
  std::vector<Buffer> kept_;
};

// Reached through functions that are not inlined: a coroutine must not keep the
// address of a thread's variable across a suspension.
thread_local Shelf<ReadBuffer> read_buffers;
thread_local Shelf<std::string> texts;
thread_local Shelf<std::unique_ptr<Heads>> all_heads;

}  // namespace

[[gnu::noinline]] ReadBuffer take_read_buffer() {
  ReadBuffer buffer = read_buffers.take();
  if (buffer == nullptr) buffer = std::make_unique_for_overwrite<std::byte[]>(kReadBytes);
  return buffer;
}

[[gnu::noinline]] void give_back(ReadBuffer buffer) { read_buffers.put(std::move(buffer)); }

[[gnu::noinline]] std::string take_text() { return texts.take(); }

[[gnu::noinline]] void give_back(std::string text) {
  if (text.capacity() > kTextBytesKept) return;
  text.clear();
  texts.put(std::move(text));
}

[[gnu::noinline]] std::unique_ptr<Heads> take_heads() {
  std::unique_ptr<Heads> heads = all_heads.take();
  if (heads == nullptr) {
    heads = std::make_unique<Heads>();
    heads->request.clear();  // as one that was given back
  }
  return heads;
}

[[gnu::noinline]] void give_back(std::unique_ptr<Heads> heads) {
  // The next to take it may refuse, and log, before anything was asked.
  heads->request.clear();
  heads->reply.clear();
  for (Headers* headers : {&heads->request.headers, &heads->reply.headers}) headers->shrink(kHeadBytesKept);
  all_heads.put(std::move(heads));
}

}  // namespace weir::http::internal

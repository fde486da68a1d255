// Buffers that connections use only while they are busy: each thread keeps a
// few that were given back, so that an idle connection holds none and a busy
// one gets a warm one.
//
// Any thread; a buffer may be given back on another than it was taken on.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "weir/http/message.h"

namespace weir::http::internal {

// What one read takes at most: a window's worth of a fast local peer, and a
// whole head of any usual size.
inline constexpr std::size_t kReadBytes = 16 << 10;
// What a text keeps when it is given back.
inline constexpr std::size_t kTextBytesKept = 16 << 10;
// What the fields of a head keep.
inline constexpr std::size_t kHeadBytesKept = 4 << 10;
// Of each kind, on each thread.
inline constexpr std::size_t kBuffersKept = 32;

using ReadBuffer = std::unique_ptr<std::byte[]>;

// kReadBytes of anything.
ReadBuffer take_read_buffer();
void give_back(ReadBuffer buffer);

// Empty, with some capacity if one is at hand.
std::string take_text();
void give_back(std::string text);

// Of a request and its reply.
struct Heads {
  RequestHead request;
  ResponseHead reply;
};

// Cleared, with some capacity if one is at hand.
std::unique_ptr<Heads> take_heads();
void give_back(std::unique_ptr<Heads> heads);

}  // namespace weir::http::internal

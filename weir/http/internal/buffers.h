// Buffers that connections use only while they are busy: each thread keeps a
// few that were given back, so that an idle connection holds none and a busy
// one gets a warm one.
//
// Any thread; a buffer may be given back on another than it was taken on.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace weir::http::internal {

// What one read takes at most: a window's worth of a fast local peer, and a
// whole head of any usual size.
inline constexpr std::size_t kReadBytes = 16 << 10;
// What a text keeps when it is given back.
inline constexpr std::size_t kTextBytesKept = 16 << 10;
// Of each kind, on each thread.
inline constexpr std::size_t kBuffersKept = 32;

using ReadBuffer = std::unique_ptr<std::byte[]>;

// kReadBytes of anything.
ReadBuffer take_read_buffer();
void give_back(ReadBuffer buffer);

// Empty, with some capacity if one is at hand.
std::string take_text();
void give_back(std::string text);

}  // namespace weir::http::internal

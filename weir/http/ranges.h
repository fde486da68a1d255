// Range requests (RFC 9110 section 14): parts of a representation.
//
//   const Ranges asked = parse_ranges(*request.headers.get("Range"), size);
//   if (asked.kind == Ranges::Kind::unsatisfiable) ... 416, "Content-Range: bytes */size"
//   if (asked.kind == Ranges::Kind::parts) ... 206 with asked.parts
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t size = 0;  // above 0

  std::uint64_t end() const { return first + size; }
  bool operator==(const ByteRange&) const = default;
};

struct Ranges {
  enum class Kind : std::uint8_t {
    whole,          // it asks for nothing that is understood: the field is ignored
    parts,          // 206
    unsatisfiable,  // none of it is there: 416
  };
  // More are not served in parts: a client that wants so many gets the whole.
  static constexpr std::size_t kMax = 16;

  Kind kind = Kind::whole;
  // Within the representation, in the order asked for; none overlaps or touches
  // another: those that did are one.
  std::vector<ByteRange> parts;
};

// `size`: of the whole representation. A field that is malformed, of another unit
// than bytes or has more than Ranges::kMax ranges is ignored, as it may be.
Ranges parse_ranges(std::string_view field, std::uint64_t size);

// "bytes 0-499/1234".
std::string content_range(const ByteRange& part, std::uint64_t size);
// "bytes */1234".
std::string content_range_unsatisfied(std::uint64_t size);

}  // namespace weir::http

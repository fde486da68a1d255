#include "weir/http/internal/multipart_parser.h"

#include <algorithm>

namespace weir::http::internal {
namespace {

// Blanks that may follow a delimiter in its line, which nobody sends.
constexpr std::size_t kPaddingMax = 16;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

MultipartParser::Step MultipartParser::refuse(Reason reason) {
  stage_ = Stage::refused;
  refusal_ = reason;
  return {Event::refused, 0};
}

MultipartParser::Step MultipartParser::next(std::span<const std::byte> input) {
  const std::string_view text = as_text(input);
  std::size_t at = 0;
  if (stage_ == Stage::preamble || stage_ == Stage::data) {
    const Step step = scan(text);
    if (step.event != Event::need_more || stage_ != Stage::after_delimiter) return step;
    at = step.consumed;
  }
  if (stage_ == Stage::after_delimiter) {
    if (part_open_) {
      part_open_ = false;
      return {Event::part_end, 0};
    }
    if (!read_tail(text, at)) return refuse(Reason::malformed);
    if (stage_ == Stage::after_delimiter) return {Event::need_more, at};
    if (stage_ == Stage::header && ++parts_ > limits_.parts) return refuse(Reason::too_large);
  }
  if (stage_ == Stage::header) {
    if (!read_header(text, at)) return refuse(refusal_);
    if (stage_ == Stage::header) return {Event::need_more, at};
    return {Event::part, at};
  }
  if (stage_ == Stage::refused) return {Event::refused, 0};
  return {Event::end, text.size()};
}

// A delimiter has one CR, at its front: what does not go on as one has no other
// beginning of one in it.
MultipartParser::Step MultipartParser::scan(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (matched_ == 0) {
      at = text.find('\r', at);
      if (at == std::string_view::npos) break;
      ++at;
      matched_ = 1;
    } else if (text[at] == delimiter_[matched_]) {
      ++at;
      if (++matched_ < delimiter_.size()) continue;
      const std::size_t data_size = at - std::min(at, delimiter_.size() - carried_);
      return found(text.substr(0, carried_ > 0 ? 0 : data_size), at);
    } else if (carried_ > 0) {
      // It was data after all, and is no more in the input.
      const std::string_view data = std::string_view(delimiter_).substr(0, carried_);
      matched_ = carried_ = 0;
      if (stage_ == Stage::preamble) continue;
      if ((part_bytes_ += data.size()) > limits_.part.count) return refuse(Reason::too_large);
      return {Event::data, 0, std::as_bytes(std::span(data))};
    } else {
      matched_ = 0;
    }
  }
  const std::string_view data = text.substr(0, text.size() - (matched_ - carried_));
  carried_ = matched_;
  if (stage_ == Stage::preamble || data.empty()) return {Event::need_more, text.size()};
  if ((part_bytes_ += data.size()) > limits_.part.count) return refuse(Reason::too_large);
  return {Event::data, text.size(), std::as_bytes(std::span(data))};
}

// need_more, from the preamble: go on behind it.
MultipartParser::Step MultipartParser::found(std::string_view data, std::size_t consumed) {
  part_open_ = stage_ == Stage::data;
  stage_ = Stage::after_delimiter;
  matched_ = carried_ = 0;
  line_.clear();
  if (part_open_ && !data.empty()) {
    if ((part_bytes_ += data.size()) > limits_.part.count) return refuse(Reason::too_large);
    return {Event::data, consumed, std::as_bytes(std::span(data))};
  }
  if (!part_open_) return {Event::need_more, consumed};
  part_open_ = false;
  return {Event::part_end, consumed};
}

// "--", or blanks and a line end. False: neither.
bool MultipartParser::read_tail(std::string_view text, std::size_t& at) {
  while (at < text.size()) {
    line_ += text[at++];
    if (line_ == "--") {
      stage_ = Stage::epilogue;
      return true;
    }
    if (line_ == "-") continue;
    if (line_.ends_with("\r\n")) {
      line_.clear();
      headers_.clear();
      header_bytes_ = part_bytes_ = 0;
      stage_ = Stage::header;
      return true;
    }
    const bool after_cr = line_.size() > 1 && line_[line_.size() - 2] == '\r';
    const char c = line_.back();
    if (after_cr || (c != ' ' && c != '\t' && c != '\r') || line_.size() > kPaddingMax) return false;
    if (line_.front() == '-') return false;
  }
  return true;
}

bool MultipartParser::read_header(std::string_view text, std::size_t& at) {
  while (at < text.size() && stage_ == Stage::header) {
    const std::size_t end = text.find('\n', at);
    const std::string_view piece = text.substr(at, end == std::string_view::npos ? end : end + 1 - at);
    at += piece.size();
    header_bytes_ += piece.size();
    if (header_bytes_ > limits_.headers.count) {
      refusal_ = Reason::too_large;
      return false;
    }
    line_ += piece;
    if (end != std::string_view::npos && !end_line()) {
      refusal_ = Reason::malformed;
      return false;
    }
  }
  return true;
}

bool MultipartParser::end_line() {
  if (!line_.ends_with("\r\n")) return false;
  const std::string_view line = std::string_view(line_).substr(0, line_.size() - 2);
  if (line.empty()) {
    stage_ = Stage::data;
    line_.clear();
    return true;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || line.find('\r') != std::string_view::npos) return false;
  const bool added = headers_.add(line.substr(0, colon), line.substr(colon + 1));
  line_.clear();
  return added;
}

}  // namespace weir::http::internal

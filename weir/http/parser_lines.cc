// What the parser has lines be that llhttp does not.
#include <algorithm>

#include "weir/http/parser.h"

namespace weir::http {
namespace {

// Whether RTSP begins where HTTP should. `piece` is of a request line, `begin` bytes from
// its beginning.
bool begins_rtsp(std::string_view piece, std::size_t begin, const RequestHead& request) {
  const std::size_t protocol = request.method.size() + 1 + request.target.size() + 1;
  return protocol >= begin && protocol - begin < piece.size() && piece[protocol - begin] == 'R';
}

}  // namespace

// llhttp lets pass: lines that end in LF alone at some places, fields continued
// on the next line, fields without a name, and requests of RTSP.
Refusal Parser::check_lines(std::string_view framing) {
  const bool in_fields = (stage_ == Stage::head && after_start_line_) || stage_ == Stage::trailers;
  bool fields_follow = in_fields;
  while (!framing.empty()) {
    if (after_cr_) {
      if (framing.front() != '\n') return Refusal::line_break;
      framing.remove_prefix(1);
      after_cr_ = false;
      if (stage_ == Stage::head && !after_start_line_) {
        if (const Refusal refusal = check_start_line(); refusal != Refusal::none) return refusal;
        after_start_line_ = fields_follow = true;
      }
      line_bytes_ = 0;
      continue;
    }
    if (line_bytes_ == 0 && fields_follow) {
      if (framing.front() == ' ' || framing.front() == '\t') return Refusal::line_fold;
      if (framing.front() == ':') return Refusal::field;
    }
    const std::size_t end = std::min(framing.find('\r'), framing.size());
    if (framing.substr(0, end).contains('\n')) return Refusal::line_break;
    // Counted once too often, so that in the end the line does not add up: llhttp is to say
    // first what else is wrong with it, and to read its target whole.
    if (request_ != nullptr && stage_ == Stage::head && !after_start_line_ &&
        begins_rtsp(framing.substr(0, end), line_bytes_, *request_))
      ++line_bytes_;
    line_bytes_ += end;
    after_cr_ = end < framing.size();
    framing.remove_prefix(std::min(end + 1, framing.size()));
  }
  return Refusal::none;
}

// llhttp takes several blanks for one, and a request line without a version.
// What the parts add up to tells.
Refusal Parser::check_start_line() const {
  constexpr std::size_t kVersionBytes = 8;  // HTTP/1.1
  if (!version_seen_) return Refusal::start_line;
  if (request_ != nullptr) {
    const std::size_t expected = request_->method.size() + 1 + request_->target.size() + 1 + kVersionBytes;
    return line_bytes_ == expected ? Refusal::none : Refusal::start_line;
  }
  // The phrase may be missing, and the blank before it then too.
  constexpr std::size_t kUpToStatus = kVersionBytes + 4;
  const bool bare = line_bytes_ == kUpToStatus && response_->reason.empty();
  return bare || line_bytes_ == kUpToStatus + 1 + response_->reason.size() ? Refusal::none
                                                                           : Refusal::start_line;
}

}  // namespace weir::http

#include "weir/http/multipart.h"

#include <utility>

#include "weir/http/internal/field_text.h"
#include "weir/http/internal/multipart_parser.h"

namespace weir::http {
namespace {

using internal::FieldText;
using internal::MultipartParser;
using Event = MultipartParser::Event;

constexpr std::string_view kWhere = "multipart";

// RFC 2046 section 5.1.1.
bool is_boundary(std::string_view text) {
  static constexpr std::string_view kAllowed =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'()+_,-./:=? ";
  return !text.empty() && text.size() <= 70 && text.back() != ' ' &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

void read_disposition(const Headers& headers, Multipart::Part& part) {
  FieldText text(headers.get("Content-Disposition").value_or(""));
  (void)text.token();
  std::string_view name;
  std::string value;
  while (text.next_parameter(name, value)) {
    if (equals_ignoring_case(name, "name")) part.name = value;
    if (equals_ignoring_case(name, "filename")) part.filename = value;
  }
}

}  // namespace

struct Multipart::State {
  State(BodySource& source, std::string_view boundary, const MultipartLimits& limits)
      : body(source), parser(boundary, limits) {}

  BodySource& body;
  MultipartParser parser;
  std::span<const std::byte> unread;
  Part part;
  bool in_part = false;

  // The next event but need_more.
  core::task<Result<MultipartParser::Step>> step(core::Context& context);
};

core::task<Result<MultipartParser::Step>> Multipart::State::step(core::Context& context) {
  for (;;) {
    const MultipartParser::Step step = parser.next(unread);
    unread = unread.subspan(step.consumed);
    if (step.event == Event::refused) co_return fail(ErrorKind::invalid, parser.refusal(), kWhere);
    if (step.event != Event::need_more) co_return step;
    const auto piece = co_await body.next(context);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return fail(ErrorKind::invalid, Reason::malformed, kWhere);
    unread = *piece;
  }
}

Multipart::Multipart(std::unique_ptr<State> state) : state_(std::move(state)) {}
Multipart::Multipart(Multipart&&) noexcept = default;
Multipart& Multipart::operator=(Multipart&&) noexcept = default;
Multipart::~Multipart() = default;

Result<Multipart> Multipart::of(const Headers& headers, BodySource& body, const MultipartLimits& limits) {
  FieldText text(headers.get("Content-Type").value_or(""));
  const std::string_view type = text.media_type();
  if (!equals_ignoring_case(type.substr(0, 10), "multipart/")) {
    return fail(ErrorKind::unsupported, Reason::none, "Content-Type");
  }
  std::string_view name;
  std::string value;
  while (text.next_parameter(name, value)) {
    if (!equals_ignoring_case(name, "boundary")) continue;
    if (!is_boundary(value)) break;
    return Multipart(std::make_unique<State>(body, value, limits));
  }
  return fail(ErrorKind::invalid, Reason::malformed, "Content-Type");
}

const Multipart::Part& Multipart::part() const { return state_->part; }

core::task<Result<bool>> Multipart::next(core::Context& context) {
  for (;;) {
    const auto step = co_await state_->step(context);
    if (!step) co_return std::unexpected(step.error());
    if (step->event == Event::end) co_return false;
    if (step->event != Event::part) continue;
    Part& part = state_->part;
    const Headers& headers = state_->parser.headers();
    part = {.name = {},
            .filename = {},
            .content_type = std::string(headers.get("Content-Type").value_or("text/plain")),
            .headers = &headers};
    read_disposition(headers, part);
    state_->in_part = true;
    co_return true;
  }
}

core::task<Result<std::span<const std::byte>>> Multipart::read(core::Context& context) {
  if (!state_->in_part) co_return std::span<const std::byte>();
  const auto step = co_await state_->step(context);
  if (!step) co_return std::unexpected(step.error());
  if (step->event == Event::data) co_return step->data;
  state_->in_part = false;
  co_return std::span<const std::byte>();
}

core::task<Result<std::string>> Multipart::text(core::Context& context) {
  std::string text;
  for (;;) {
    const auto piece = co_await read(context);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return text;
    text.append(reinterpret_cast<const char*>(piece->data()), piece->size());
  }
}

}  // namespace weir::http

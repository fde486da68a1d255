#include "weir/http/read_body.h"

#include "weir/http/exchange.h"
#include "weir/http/internal/field_text.h"

namespace weir::http {

core::task<Result<std::string>> read_body(BodySource& body, core::Context& context, Bytes max,
                                          std::size_t room) {
  const auto announced = body.length();
  if (announced && *announced > max.count) {
    co_return fail(ErrorKind::invalid, Reason::too_large, "body");
  }
  std::string text;
  if (announced) text.reserve(*announced + room);
  for (;;) {
    const auto piece = co_await body.next(context);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return text;
    if (piece->size() > max.count - text.size())
      co_return fail(ErrorKind::invalid, Reason::too_large, "body");
    text.append(reinterpret_cast<const char*>(piece->data()), piece->size());
  }
}

core::task<Result<UrlFields>> read_form(Exchange& exchange, FormLimits limits) {
  const std::string_view type = exchange.request().headers.get("Content-Type").value_or("");
  if (!equals_ignoring_case(internal::FieldText(type).media_type(), "application/x-www-form-urlencoded")) {
    co_return fail(ErrorKind::unsupported, Reason::none, "Content-Type");
  }
  const Result<std::string> text = co_await read_body(exchange.body(), exchange.context(), limits.bytes);
  if (!text) co_return std::unexpected(text.error());
  co_return UrlFields::parse(*text, limits.fields);
}

}  // namespace weir::http

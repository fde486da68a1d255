#include "weir/http/handling.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "weir/base/check.h"
#include "weir/http/problem.h"

namespace weir::http {

std::string_view PathParams::operator[](std::string_view name) const {
  const auto found = std::ranges::find(names_, name);
  WEIR_CHECK(found != names_.end(), "the pattern has a part of this name");
  return values_[static_cast<std::size_t>(found - names_.begin())];
}

Result<std::int64_t> PathParams::integer(std::string_view name) const {
  const std::string_view text = (*this)[name];
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return fail(ErrorKind::invalid, Reason::malformed, "path");
  return value;
}

namespace internal {

core::task<void> answer_errors(core::task<Result<>> handling, Exchange& exchange) {
  const Result<> handled = co_await std::move(handling);
  if (!handled) (void)co_await respond_error(exchange, handled.error());
}

}  // namespace internal
}  // namespace weir::http

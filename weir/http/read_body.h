// A whole body at once, for those that are small.
#pragma once

#include <cstddef>
#include <string>

#include "weir/base/result.h"
#include "weir/base/units.h"
#include "weir/core/context.h"
#include "weir/core/task.h"
#include "weir/http/body.h"
#include "weir/http/url_fields.h"

namespace weir::http {

class Exchange;

// Errors: invalid (too_large, before anything is read where its length says so);
// those of BodySource::next. `room`: what the caller will append, so that it is
// there already. Cancellation: what was read is lost.
core::task<Result<std::string>> read_body(BodySource& body, core::Context& context, Bytes max,
                                          std::size_t room = 0);

struct FormLimits {
  Bytes bytes = kibibytes(64);
  UrlFields::Limits fields = {};
};

// A form's fields (application/x-www-form-urlencoded). Errors: unsupported for
// another Content-Type; those of read_body() and UrlFields::parse().
core::task<Result<UrlFields>> read_form(Exchange& exchange, FormLimits limits = {});

}  // namespace weir::http

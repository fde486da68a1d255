#include "weir/service/admitted_handler.h"

#include <utility>

#include "weir/service/admission_reply.h"

namespace weir::service {

core::task<void> AdmittedHandler::handle(http::Exchange& exchange) {
  http::BodySource& body = exchange.body();
  if (!body.gathered() && !co_await body.gather(exchange.context())) co_return;  // the server answers
  Result<admission::Admitted> admitted = co_await admission_.ask(exchange.context(), exchange.request());
  if (!admitted) {
    if (exchange.context().cancelled()) co_return;  // nobody is there to be answered
    RefusalReply reply = admission_refusal(admission_, admitted.error());
    admission_.tell_rates(exchange.request(), reply.also);
    co_await send_refusal(exchange, std::move(reply));
    co_return;
  }
  if (admission_.tells_rates()) admission_.tell_rates(exchange.request(), exchange.reply_fields());
  co_await inner_.handle(exchange);
  const bool gone = exchange.context().cancelled();
  admitted->complete(gone ? admission::Outcome::abandoned : admission::Outcome::completed);
}

}  // namespace weir::service

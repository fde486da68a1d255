// Asks for the admission decision before a handler: what is refused never gets there,
// and its body is read no further than was gathered before (http::BodySource), so that
// who sends slowly takes nobody's place meanwhile.
#pragma once

#include "weir/http/server.h"
#include "weir/service/admission_setup.h"

namespace weir::service {

class AdmittedHandler final : public http::Handler {
 public:
  // Both outlive it.
  AdmittedHandler(const GatewayAdmission& admission, http::Handler& inner)
      : admission_(admission), inner_(inner) {}

  core::task<void> handle(http::Exchange& exchange) override;

 private:
  const GatewayAdmission& admission_;
  http::Handler& inner_;
};

}  // namespace weir::service

// Cancels a request's context when its client hangs up: once the handler wants
// the context, and once nothing of the client's is left to be read.
#pragma once

#include "weir/core/context.h"
#include "weir/core/descriptor.h"

namespace weir::http::internal {

class HangUpWatch {
 public:
  HangUpWatch(core::Descriptor& descriptor, core::Context& context)
      : descriptor_(descriptor), context_(context) {}
  HangUpWatch(const HangUpWatch&) = delete;
  HangUpWatch& operator=(const HangUpWatch&) = delete;
  ~HangUpWatch() { end(); }

  bool wanted() const { return wanted_; }
  void want() { wanted_ = true; }
  // `allowed`: the client has nothing more to say on the wire.
  void update(bool allowed) {
    if (!wanted_ || !allowed || armed_) return;
    armed_ = true;
    descriptor_.cancel_on_hang_up(&context_);
  }
  void end() {
    if (armed_) descriptor_.cancel_on_hang_up(nullptr);
    wanted_ = armed_ = false;
  }

 private:
  core::Descriptor& descriptor_;
  core::Context& context_;
  bool wanted_ = false;
  bool armed_ = false;
};

}  // namespace weir::http::internal

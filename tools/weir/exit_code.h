// How every verb of `weir` ends. Scripts may rely on these.
#pragma once

namespace weir::tools {

enum ExitCode : int {
  kPass = 0,
  kFinding = 1,        // a finding, or a threshold that was missed
  kUsage = 2,          // the command line or a configuration is wrong
  kInconclusive = 3,   // nothing can be said: a generator could not keep its rate
  kInternal = 4,       // weir's own fault
  kInterrupted = 130,  // by Ctrl-C
};

}  // namespace weir::tools

// What the machine, the container and the user's limits give this process, at
// most: what a proof at start-up holds the bounds against.
//
//   Machine machine = Machine::read();
//   Proof proof = prove(ledger, machine);
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weir/base/units.h"

namespace weir::bounds {

struct Machine {
  // nullopt: nothing says, or there is no limit.
  std::optional<Bytes> memory;               // least of the machine's and its control groups' (v2, v1)
  std::optional<std::uint64_t> descriptors;  // RLIMIT_NOFILE
  // To one address and port of a peer, from one address of ours: the ephemeral
  // range less what is reserved.
  std::optional<std::uint64_t> ports;
  // Least of the control groups' pids.max, RLIMIT_NPROC and kernel.threads-max.
  std::optional<std::uint64_t> threads;

  // Where each comes from, for people.
  std::string memory_from = "given";
  std::string descriptors_from = "given";
  std::string ports_from = "given";
  std::string threads_from = "given";

  // `root`: the directory that holds proc and sys; other than "/" for tests.
  // RLIMITs are the process's whatever it is. Any thread; some 100 us.
  static Machine read(const std::string& root = "/");
};

}  // namespace weir::bounds

// The proof at start-up: what all bounds together may take at worst, held
// against what the machine has.
//
//   const Proof proof = prove(ledger, Machine::read());
//   if (!proof.fits()) {
//     std::cerr << proof.refusal();   // and exit; or, where the operator chose so,
//     std::cerr << proof.warning();   // and go on
//   }
//   std::cout << proof.table();
//
// The worst case is every bound at its limit, every queue full, every key at its
// limit, and all fixed costs. What a line takes is what it declares: `each`,
// `each_queued`, descriptors, ports, threads (bound.h says what `each` means of
// bounds under a parent); a unit of a bound of descriptors or connections is a
// descriptor, and one of a bound of bytes a byte, where it declares nothing.
// What declares nothing else counts as nothing, and is named.
//
// A Proof is a value; prove() may be called from any thread, for a page too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/bounds/ledger.h"
#include "weir/bounds/machine.h"

namespace weir::bounds {

enum class Resource : std::uint8_t { memory, descriptors, ports, threads };

std::string_view to_string(Resource resource);

struct Proof {
  // What one bound, or one fixed cost, takes of a resource at worst.
  struct Line {
    std::string name;
    bool fixed = false;       // a cost: nothing below but `own`
    std::string under;        // its parent; empty: none
    std::uint64_t units = 0;  // of it in the worst case: fewer than its limit where a parent allows no more
    std::uint64_t each = 0;
    std::uint64_t held = 0;    // what these units take
    std::uint64_t queued = 0;  // what its queue takes
    std::uint64_t own = 0;     // what it takes used or not
    std::uint64_t total = 0;   // the sum
    std::string because;
  };

  // A number to lower.
  struct Shrink {
    std::string name;
    bool queue = false;  // its queue_depth; else its limit
    std::uint64_t from = 0;
    std::uint64_t alone = 0;        // with only this lowered all fits; 0: no value does that
    std::uint64_t together = 0;     // with all of them lowered alike all fits; 0: no value does
    std::uint64_t takes = 0;        // of the resource now
    std::vector<std::string> with;  // children that have to come down with it
  };

  struct Part {
    Resource resource = Resource::memory;
    std::string peer;  // of ports: the address they lead to
    std::uint64_t demanded = 0;
    std::optional<std::uint64_t> available;  // nullopt: not known, and taken for enough
    std::string available_from;
    std::uint64_t fixed = 0;      // of what is demanded: no limit lowers it
    std::vector<Line> lines;      // those that take anything, the largest first
    std::vector<Shrink> shrinks;  // where it does not fit: the largest first, five at most

    bool fits() const { return !available || demanded <= *available; }
    // Of what is available; 0 where that is not known.
    double share() const;
    // "memory", or "ports to 10.0.0.7:8080".
    std::string name() const;
  };

  std::vector<Part> parts;  // memory, descriptors, ports for each peer, threads
  // Bounds of tasks or connections that do not say what memory a unit takes.
  std::vector<std::string> undeclared;

  bool fits() const;
  // Each ends in a newline. Of a Proof that fits, refusal() and warning() are empty.
  // `what` was refused, or done all the same.
  std::string table() const;
  std::string refusal(std::string_view what = "refused to start") const;
  std::string warning(std::string_view what = "It was started") const;
  // {"fits":...,"resources":[...],"undeclared":[...]}; figures as above.
  std::string json() const;
};

struct ProofOptions {
  // Of what is available, how much the worst case may be: 0.9 leaves a tenth
  // for what nobody declares. Above 0, at most 1.
  double share_max = 1.0;
};

Proof prove(const Ledger& ledger, const Machine& machine, ProofOptions options = {});
// Of lines that come from elsewhere, such as a configuration that is only checked.
Proof prove(std::span<const Row> rows, std::span<const CostRow> costs, const Machine& machine,
            ProofOptions options = {});

}  // namespace weir::bounds

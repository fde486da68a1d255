// The requests of a load run: kinds with weights, each with its own method,
// path, fields and body.
//
//   RequestMix mix({{.name = "read", .weight = 9, .target = ...},
//                   {.name = "write", .weight = 1, .method = "POST", ...}});
//   const std::size_t kind = mix.pick(rng);
//   mix.kinds()[kind]
//
// A plain value; callable from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/rng.h"
#include "weir/load/template_text.h"

namespace weir::load {

struct RequestKind {
  std::string name;   // in reports
  double weight = 1;  // above 0
  std::string method = "GET";
  TemplateText target;
  std::vector<std::pair<std::string, TemplateText>> headers;
  TemplateText body;

  bool constant() const;
};

class RequestMix {
 public:
  // WEIR_CHECKs that there is a kind and that each has a weight.
  explicit RequestMix(std::vector<RequestKind> kinds);

  const std::vector<RequestKind>& kinds() const { return kinds_; }
  // As often as its weight says.
  std::size_t pick(Rng& rng) const;

 private:
  std::vector<RequestKind> kinds_;
  std::vector<double> up_to_;  // the sum of the weights of each and those before it
};

}  // namespace weir::load

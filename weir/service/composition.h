// Replies of a route that are composed of parts: how many at once, what became of them
// and of their parts. What is asked and answered is the gateway's (gateway_compose.cc).
//
// Any thread. It outlives its permits; the ledger outlives it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/bounds/bound.h"
#include "weir/bounds/ledger.h"
#include "weir/core/limit.h"
#include "weir/service/compose_config.h"

namespace weir::service {

struct RouteConfig;
struct ServerConfig;

class Composition {
 public:
  // What became of a part.
  enum class Fate : std::uint8_t {
    given,    // in the reply
    refused,  // by what stands before its upstream
    late,     // not there in time
    failed,   // no reply, or one of another status than 200
    unfit,    // its body is no JSON, or too large
  };
  static constexpr std::array kFates{Fate::given, Fate::refused, Fate::late, Fate::failed, Fate::unfit};
  using Fates = std::array<std::uint64_t, kFates.size()>;

  // `route` has parts.
  Composition(bounds::Ledger& ledger, const RouteConfig& route, const ServerConfig& server);

  const std::string& name() const { return name_; }
  const bounds::Bound& bound() const { return bound_; }

  // To compose a reply. Errors: those of the bound, which does not wait.
  Result<core::Permit> begin() { return bound_.try_acquire(); }
  // Under which its parts are asked: whoever has begun finds room.
  core::Limit& tasks() { return tasks_; }

  void count(std::string_view part, Fate fate);
  // By part, as they are declared now.
  std::vector<std::pair<std::string, Fates>> counts() const;

  // No permit is held.
  bool idle() const { return bound_.in_use() == 0; }
  // As `to` says from now on; of its parts those that stay keep their counts.
  void apply(const ComposeConfig& to);

  // What its row of the ledger will declare.
  static bounds::Row declared_row(const RouteConfig& route, const ServerConfig& server);

 private:
  const std::string name_;
  bounds::Bound bound_;
  core::Limit tasks_;
  mutable std::mutex mutex_;
  std::map<std::string, Fates, std::less<>> counts_;  // guarded by mutex_
};

std::string_view to_string(Composition::Fate fate);

// Where an error of a part that is required came from, whose reply is no good.
inline constexpr std::string_view kUnfitPart = "part";

// Where the parts of a request are asked for, as the route's parts: the route's {names}
// put in, and the request's query behind a path that has none. nullopt: what stands for
// a name would lead elsewhere ("..").
std::optional<std::vector<std::string>> part_targets(const RouteConfig& route, std::string_view target);

}  // namespace weir::service

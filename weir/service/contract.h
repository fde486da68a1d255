// What an upstream is told of the bounds that a request stands under, and what is read
// of it in requests. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/clock.h"
#include "weir/http/message.h"
#include "weir/service/target_config.h"

namespace weir::service {

// The header has this value and no other; empty: there is none of that name.
void tell(const std::string& name, std::optional<std::string_view> value, http::RequestHead& head);

// Whether anything differs from one try to the next.
bool tells_each_try(const ContractConfig& contract);
// `left`: the time that the try has.
void tell_try(const ContractConfig& contract, std::uint32_t attempt, Duration left, http::RequestHead& head);

// What a client says that it has left, in whole milliseconds; the longest duration
// where it does not, or says no such number.
Duration time_left(const ContractConfig& contract, const http::RequestHead& request);

}  // namespace weir::service

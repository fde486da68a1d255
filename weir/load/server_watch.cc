#include "weir/load/server_watch.h"

#include <algorithm>
#include <utility>

#include "weir/core/now.h"
#include "weir/core/sleep.h"

namespace weir::load {
namespace {

constexpr std::size_t kPageMax = std::size_t{16} << 20;

BoundReading& bound_of(ServerReading& reading, std::string_view name) {
  const auto found = std::ranges::find(reading.bounds, name, &BoundReading::name);
  if (found != reading.bounds.end()) return *found;
  return reading.bounds.emplace_back(BoundReading{.name = std::string(name)});
}

}  // namespace

ServerReading reading_of(const std::vector<observe::Sample>& page) {
  ServerReading reading;
  double connections = 0;
  for (const observe::Sample& sample : page) {
    if (sample.name == "weir_runtime_tasks") reading.tasks = sample.value;
    if (sample.name == "weir_http_connections_open") connections += sample.value;
    if (sample.name == "process_resident_memory_bytes") reading.memory = sample.value;
    const std::string_view name = sample.label("bound");
    if (name.empty()) continue;
    if (sample.name == "weir_bound_limit") bound_of(reading, name).limit = sample.value;
    if (sample.name == "weir_bound_in_use") bound_of(reading, name).in_use = sample.value;
    if (sample.name == "weir_bound_queue_depth") bound_of(reading, name).queued = sample.value;
    if (sample.name == "weir_bound_queue_limit") bound_of(reading, name).queue_limit = sample.value;
  }
  if (reading.tasks) *reading.tasks -= connections;
  return reading;
}

ServerWatch::ServerWatch(Options options)
    : options_(std::move(options)),
      client_(options_.address, {.pool = {.connections_max = 2}, .connect_timeout = options_.timeout}) {}

core::task<std::expected<void, std::string>> ServerWatch::reach(core::Context& context) {
  auto reading = co_await read(context);
  if (!reading) co_return std::unexpected(reading.error());
  if (reading->bounds.empty()) {
    co_return std::unexpected("http://" + options_.authority + options_.target +
                              " tells of no bounds (weir_bound_limit)");
  }
  readings_.push_back(std::move(*reading));
  co_return {};
}

core::task<> ServerWatch::keep(core::Context& context) {
  while (readings_.size() < options_.readings_max && co_await core::sleep_for(context, options_.every)) {
    auto reading = co_await read(context);
    if (reading) {
      readings_.push_back(std::move(*reading));
    } else if (!context.cancelled()) {
      ++missed_;
    }
  }
}

core::task<std::expected<ServerReading, std::string>> ServerWatch::read(core::Context& context) {
  const std::string where = "http://" + options_.authority + options_.target;
  core::Context patience(context, core::now() + options_.timeout);
  http::RequestHead head{.target = options_.target};
  head.headers.add("Host", options_.authority);
  Result<http::ClientResponse> response = co_await client_.send(patience, head);
  if (!response) co_return std::unexpected(where + ": " + response.error().message());
  if (response->head().status != 200) {
    co_return std::unexpected(where + " answers " + std::to_string(response->head().status));
  }
  std::string page;
  for (;;) {
    const Result<std::span<const std::byte>> piece = co_await response->body().next(patience);
    if (!piece) co_return std::unexpected(where + ": " + piece.error().message());
    if (piece->empty()) break;
    if (page.size() + piece->size() > kPageMax) co_return std::unexpected(where + " is larger than 16 MiB");
    page.append(reinterpret_cast<const char*>(piece->data()), piece->size());
  }
  const auto samples = observe::parse_metrics(page);
  if (!samples) co_return std::unexpected(where + ": " + samples.error());
  ServerReading reading = reading_of(*samples);
  reading.at = core::now();
  co_return reading;
}

}  // namespace weir::load

#include "weir/bounds/holding_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "weir/core/task.h"

namespace weir::bounds {
namespace {

using core::internal::TaskPromise;

std::uint32_t shard_of(const void* task, std::uint32_t shards) {
  // Frames lie at multiples of 16 bytes.
  const auto address = reinterpret_cast<std::uintptr_t>(task);
  return static_cast<std::uint32_t>((address * 0x9e3779b97f4a7c15) >> 32) % shards;
}

std::string place(std::source_location site) { return fmt::format("{}:{}", site.file_name(), site.line()); }

}  // namespace

HoldingOrder::HoldingOrder(OrderCheck check, std::function<void(const std::string&)> on_cycle)
    : check_(check), on_cycle_(std::move(on_cycle)), names_(1) {}

std::optional<std::uint32_t> HoldingOrder::enter(std::string name) {
  const std::lock_guard guard(mutex_);
  const auto free = std::find(names_.begin() + 1, names_.end(), std::string());
  const auto number = static_cast<std::uint32_t>(free - names_.begin());
  if (number == kBoundsMax) {
    missed_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  if (free == names_.end()) {
    names_.push_back(std::move(name));
  } else {
    *free = std::move(name);
  }
  return number;
}

void HoldingOrder::leave(std::uint32_t bound) {
  const std::lock_guard guard(mutex_);
  names_[bound].clear();
  std::erase_if(
      edges_, [bound](const auto& edge) { return edge.first.first == bound || edge.first.second == bound; });
  for (auto& word : edges_known_[bound]) word.store(0, std::memory_order_relaxed);
  for (Row& row : edges_known_) row[bound / 64].fetch_and(~(1ull << (bound % 64)), std::memory_order_relaxed);
}

const TaskPromise& HoldingOrder::task_of(core::TaskHandle task) {
  const auto* promise = static_cast<const TaskPromise*>(&task.runnable());
  while (!promise->started_apart()) {
    const void* outer = promise->awaiting();
    if (outer == nullptr) break;
    promise = static_cast<const TaskPromise*>(
        &std::coroutine_handle<core::internal::Runnable>::from_address(const_cast<void*>(outer)).promise());
  }
  return *promise;
}

void HoldingOrder::asks(const TaskPromise& task, std::uint32_t bound, std::source_location site) {
  const core::Limit* started_with = task.limit();
  if (started_with != nullptr && started_with->watch() == this && !known(started_with->number(), bound))
    add_edge(started_with->number(), bound, {.held = {}, .asked = site});
  std::array<Holding, 16> fresh;  // a task that holds more has told of its other edges before
  std::size_t count = 0;
  {
    Shard& shard = shards_[shard_of(&task, kShards)];
    const std::lock_guard guard(shard.mutex);
    for (const Holding& holding : shard.holdings) {
      if (holding.task == &task && !known(holding.bound, bound) && count < fresh.size())
        fresh[count++] = holding;
    }
  }
  for (std::size_t i = 0; i < count; ++i)
    add_edge(fresh[i].bound, bound, {.held = fresh[i].site, .asked = site});
}

std::uint32_t HoldingOrder::holds(const TaskPromise& task, std::uint32_t bound, std::source_location site) {
  const std::uint32_t number = shard_of(&task, kShards);
  Shard& shard = shards_[number];
  const std::lock_guard guard(shard.mutex);
  if (shard.free.empty()) {
    if (shard.holdings.size() == kPermitsMax / kShards) {
      missed_.fetch_add(1, std::memory_order_relaxed);
      return 0;
    }
    shard.free.push_back(static_cast<std::uint32_t>(shard.holdings.size()));
    shard.holdings.emplace_back();
  }
  const std::uint32_t index = shard.free.back();
  shard.free.pop_back();
  shard.holdings[index] = {.task = &task, .bound = bound, .site = site};
  return 1 + index * kShards + number;
}

void HoldingOrder::left(std::uint32_t mark) {
  Shard& shard = shards_[(mark - 1) % kShards];
  const std::lock_guard guard(shard.mutex);
  const std::uint32_t index = (mark - 1) / kShards;
  shard.holdings[index].task = nullptr;
  shard.free.push_back(index);
}

void HoldingOrder::add_edge(std::uint32_t from, std::uint32_t to, Edge edge) {
  std::string text;
  {
    const std::lock_guard guard(mutex_);
    if (!edges_.emplace(std::pair(from, to), edge).second) return;
    edges_known_[from][to / 64].fetch_or(1ull << (to % 64), std::memory_order_relaxed);
    std::vector<std::uint32_t> path;
    if (!find_path(to, from, path)) return;
    path.push_back(to);
    text = describe(path);
  }
  cycles_.fetch_add(1, std::memory_order_relaxed);
  report(text);
  if (check_ == OrderCheck::fail) throw std::logic_error(text);
}

// From `from` to `to` along edges: the bounds on it, both ends included, in this
// order: path = {from ... to}. The last edge, from `to` to `from`, closes it.
bool HoldingOrder::find_path(std::uint32_t from, std::uint32_t to, std::vector<std::uint32_t>& path) const {
  std::map<std::uint32_t, std::uint32_t> came_from{{from, from}};
  std::vector<std::uint32_t> next{from};
  for (std::size_t i = 0; i < next.size() && !came_from.contains(to); ++i) {
    for (auto edge = edges_.lower_bound({next[i], 0}); edge != edges_.end() && edge->first.first == next[i];
         ++edge) {
      if (came_from.emplace(edge->first.second, next[i]).second) next.push_back(edge->first.second);
    }
  }
  if (!came_from.contains(to)) return false;
  for (std::uint32_t at = to; at != from; at = came_from[at]) path.push_back(at);
  path.push_back(from);
  std::ranges::reverse(path);
  return true;
}

std::string HoldingOrder::describe(const std::vector<std::uint32_t>& path) const {
  std::string text = "bounds are held in a circle, in which tasks can wait for each other for ever:";
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    const Edge& edge = edges_.at({path[i], path[i + 1]});
    text += fmt::format("\n  {} is acquired at {} while {} is held, ", names_[path[i + 1]], place(edge.asked),
                        names_[path[i]]);
    text += edge.held.line() == 0 ? "by which the task was started" : "acquired at " + place(edge.held);
  }
  return text;
}

void HoldingOrder::report(const std::string& text) const {
  if (on_cycle_) {
    on_cycle_(text);
  } else if (check_ == OrderCheck::report) {
    std::string line = text;
    std::ranges::replace(line, '\n', ';');
    std::fprintf(stderr, "weir: %s\n", line.c_str());
  }
}

HoldingOrder::Stats HoldingOrder::stats() const {
  const std::lock_guard guard(mutex_);
  return {.edges = edges_.size(),
          .cycles = cycles_.load(std::memory_order_relaxed),
          .missed = missed_.load(std::memory_order_relaxed)};
}

}  // namespace weir::bounds

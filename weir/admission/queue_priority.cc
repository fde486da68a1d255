#include "weir/admission/queue_priority.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "weir/base/check.h"

namespace weir::admission {
namespace {

// What a class may be owed at most, in units: it catches up after a while in which
// it could not be served, and does not have everything for a while.
constexpr double kOwedMax = 4;
constexpr std::uint32_t kBits = 64;

}  // namespace

PriorityQueue::PriorityQueue(const Options& options) : options_(options) {
  WEIR_CHECK(std::ranges::all_of(options.shares, [](double share) { return share >= 0; }) &&
                 std::accumulate(options.shares.begin(), options.shares.end(), 0.0) < 1,
             "the shares of all classes are 0 or more, and below 1 together");
}

void PriorityQueue::push(core::Waiter& waiter, TimePoint) {
  const std::uint32_t level = std::min(waiter.level(), kLevels - 1);
  waiter.place = level;
  levels_[level].push_back(waiter);
  occupied_[level / kBits] |= 1ull << (level % kBits);
  ++waiting_[class_of(level)];
  ++count_;
}

core::WaitOrder::Choice PriorityQueue::choose(TimePoint now) {
  if (count_ == 0) return {};
  core::Waiter* first = levels_[next_level()].front();
  return {first, first->start_by() <= now ? Reason::expired : Reason::none};
}

void PriorityQueue::remove(core::Waiter& waiter, Left left) {
  const std::uint32_t level = waiter.place;
  const std::uint32_t criticality = class_of(level);
  static_cast<ListNode<core::InOrder>&>(waiter).unlink();
  if (levels_[level].empty()) occupied_[level / kBits] &= ~(1ull << (level % kBits));
  if (--waiting_[criticality] == 0) owed_[criticality] = 0;
  --count_;
  if (left == Left::served) charge(criticality, static_cast<double>(waiter.weight()));
}

core::Waiter* PriorityQueue::evict(const core::Waiter& arriving) {
  const std::uint32_t level = std::min(arriving.level(), kLevels - 1);
  for (std::uint32_t criticality = 0; criticality <= class_of(level); ++criticality) {
    if (waiting_[criticality] == 0) continue;
    // The places of its share stay its own, but not against its own kind.
    const bool lower = criticality < class_of(level);
    if (lower && waiting_[criticality] <= options_.shares[criticality] * count_) continue;
    const std::uint32_t least = lowest(criticality * kCohorts, (criticality + 1) * kCohorts);
    return least < level ? levels_[least].back() : nullptr;
  }
  return nullptr;
}

std::uint32_t PriorityQueue::highest(std::uint32_t from, std::uint32_t to) const {
  static_assert(kCohorts % kBits == 0);
  for (std::uint32_t word = to / kBits; word-- > from / kBits;) {
    if (occupied_[word] != 0) {
      return (word + 1) * kBits - 1 - static_cast<std::uint32_t>(std::countl_zero(occupied_[word]));
    }
  }
  return kNone;
}

std::uint32_t PriorityQueue::lowest(std::uint32_t from, std::uint32_t to) const {
  for (std::uint32_t word = from / kBits; word < to / kBits; ++word) {
    if (occupied_[word] != 0) {
      return word * kBits + static_cast<std::uint32_t>(std::countr_zero(occupied_[word]));
    }
  }
  return kNone;
}

std::uint32_t PriorityQueue::next_level() const {
  for (std::uint32_t criticality = 0; criticality < kClasses; ++criticality) {
    if (waiting_[criticality] > 0 && owed_[criticality] >= 1) {
      return highest(criticality * kCohorts, (criticality + 1) * kCohorts);
    }
  }
  return highest(0, kLevels);
}

void PriorityQueue::charge(std::uint32_t criticality, double units) {
  for (std::uint32_t other = 0; other < kClasses; ++other) {
    if (other == criticality) {
      owed_[other] = std::max(0.0, owed_[other] - units);
    } else if (waiting_[other] > 0) {
      owed_[other] = std::min(kOwedMax, owed_[other] + options_.shares[other] * units);
    }
  }
}

}  // namespace weir::admission

#include "weir/admission/queue_priority.h"

#include <algorithm>
#include <bit>

namespace weir::admission {
namespace {

constexpr std::uint32_t kBits = 64;

}  // namespace

void PriorityQueue::push(core::Waiter& waiter, TimePoint) {
  const std::uint32_t level = std::min(waiter.level(), kLevels - 1);
  waiter.place = level;
  levels_[level].push_back(waiter);
  occupied_[level / kBits] |= 1ull << (level % kBits);
  classes_.came(class_of(level));
}

core::WaitOrder::Choice PriorityQueue::choose(TimePoint now) {
  if (classes_.waiting() == 0) return {};
  core::Waiter* first = levels_[highest(classes_.next())].front();
  return {first, first->start_by() <= now ? Reason::expired : Reason::none};
}

void PriorityQueue::remove(core::Waiter& waiter, Left left) {
  const std::uint32_t level = waiter.place;
  static_cast<ListNode<core::InOrder>&>(waiter).unlink();
  if (levels_[level].empty()) occupied_[level / kBits] &= ~(1ull << (level % kBits));
  classes_.left(class_of(level));
  if (left == Left::served) classes_.served(class_of(level), waiter.weight());
}

core::Waiter* PriorityQueue::evict(const core::Waiter& arriving) {
  const std::uint32_t level = std::min(arriving.level(), kLevels - 1);
  const std::uint32_t from = classes_.gives_way(class_of(level));
  if (from == kClasses) return nullptr;
  const std::uint32_t least = lowest(from);
  return least < level ? levels_[least].back() : nullptr;
}

std::uint32_t PriorityQueue::highest(std::uint32_t criticality) const {
  static_assert(kCohorts % kBits == 0);
  constexpr std::uint32_t kWords = kCohorts / kBits;
  for (std::uint32_t word = (criticality + 1) * kWords; word-- > criticality * kWords;) {
    if (occupied_[word] != 0) {
      return (word + 1) * kBits - 1 - static_cast<std::uint32_t>(std::countl_zero(occupied_[word]));
    }
  }
  return kLevels;
}

std::uint32_t PriorityQueue::lowest(std::uint32_t criticality) const {
  constexpr std::uint32_t kWords = kCohorts / kBits;
  for (std::uint32_t word = criticality * kWords; word < (criticality + 1) * kWords; ++word) {
    if (occupied_[word] != 0) {
      return word * kBits + static_cast<std::uint32_t>(std::countr_zero(occupied_[word]));
    }
  }
  return kLevels;
}

}  // namespace weir::admission

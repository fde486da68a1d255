#include "weir/admission/queue_fair.h"

#include <algorithm>
#include <limits>

#include "weir/base/check.h"
#include "weir/base/rng.h"

namespace weir::admission {
namespace {

std::uint32_t criticality_of(const core::Waiter& waiter) {
  return class_of(std::min(waiter.level(), kLevels - 1));
}

}  // namespace

struct FairQueue::SubQueue : ListNode<> {
  std::uint32_t count = 0;
  std::uint64_t deficit = 0;  // units it may still have this turn
  std::optional<Codel> codel;
  std::array<IntrusiveList<core::Waiter, core::InOrder>, kClasses> classes;

  core::Waiter* oldest() {
    core::Waiter* found = nullptr;
    for (auto& list : classes) {
      core::Waiter* first = list.front();
      if (first != nullptr && (found == nullptr || first->since() < found->since())) found = first;
    }
    return found;
  }
  // Of one that is not empty.
  Choice choose(TimePoint now) {
    core::Waiter* longest = oldest();
    const Duration sojourn = longest->sojourn(now);
    if (sojourn > Duration()) codel->look(sojourn, now);
    if (codel->too_long(sojourn)) return {longest, Reason::queue_wait};
    std::uint32_t highest = kClasses - 1;
    while (classes[highest].empty()) --highest;
    core::Waiter* next = codel->overloaded() ? classes[highest].back() : classes[highest].front();
    return {next, next->start_by() <= now ? Reason::expired : Reason::none};
  }
};

FairQueue::FairQueue(const Options& options)
    : options_(options), queues_(std::make_unique<SubQueue[]>(options.sub_queues)) {
  WEIR_CHECK(options.sub_queues >= 1 && options.sub_queues <= 65'536, "1 to 65,536 sub-queues");
  WEIR_CHECK(options.hand >= 1 && options.hand <= 16 && options.hand <= options.sub_queues,
             "a hand of 1 to 16, and not more than there are sub-queues");
  WEIR_CHECK(options.quantum >= 1, "a quantum of at least 1");
  for (std::uint32_t i = 0; i < options.sub_queues; ++i) queues_[i].codel.emplace(options.codel);
}

FairQueue::~FairQueue() = default;

std::uint32_t FairQueue::place_of(std::uint64_t flow) const {
  std::uint64_t state = flow ^ options_.seed;
  std::uint32_t best = 0;
  std::uint32_t shortest = std::numeric_limits<std::uint32_t>::max();
  for (std::uint32_t i = 0; i < options_.hand; ++i) {
    const unsigned __int128 spread = static_cast<unsigned __int128>(splitmix64(state)) * options_.sub_queues;
    const auto place = static_cast<std::uint32_t>(spread >> 64);
    if (queues_[place].count < shortest) {
      shortest = queues_[place].count;
      best = place;
    }
  }
  return best;
}

void FairQueue::push(core::Waiter& waiter, TimePoint now) {
  waiter.place = place_of(waiter.flow());
  SubQueue& queue = queues_[waiter.place];
  if (queue.count++ == 0) {
    queue.codel->look({}, now);
    queue.deficit = options_.quantum;
    turns_.push_back(queue);
  }
  const std::uint32_t criticality = criticality_of(waiter);
  queue.classes[criticality].push_back(waiter);
  by_class_[criticality].push_back(waiter);
}

core::WaitOrder::Choice FairQueue::choose(TimePoint now) {
  for (;;) {
    std::uint64_t rounds = std::numeric_limits<std::uint64_t>::max();
    const SubQueue* first = nullptr;  // that could not have its next this time round
    for (;;) {
      SubQueue* queue = turns_.front();
      if (queue == nullptr) return {};
      if (queue == first) break;
      const Choice choice = queue->choose(now);
      if (choice.why_not != Reason::none || choice.waiter->weight() <= queue->deficit) return choice;
      queue->deficit += options_.quantum;
      const std::uint64_t missing =
          choice.waiter->weight() > queue->deficit ? choice.waiter->weight() - queue->deficit : 0;
      rounds = std::min(rounds, (missing + options_.quantum - 1) / options_.quantum);
      queue->unlink();
      turns_.push_back(*queue);
      if (first == nullptr) first = queue;
    }
    // All rounds at once in which nobody could have had anything.
    turns_.for_each([&](SubQueue& queue) { queue.deficit += rounds * options_.quantum; });
  }
}

void FairQueue::remove(core::Waiter& waiter, Left left) {
  SubQueue& queue = queues_[waiter.place];
  static_cast<ListNode<core::InOrder>&>(waiter).unlink();
  static_cast<ListNode<core::InIndex>&>(waiter).unlink();
  if (left == Left::served) queue.deficit -= std::min(queue.deficit, waiter.weight());
  if (--queue.count == 0) {
    queue.deficit = 0;
    queue.unlink();
  }
}

core::Waiter* FairQueue::evict(const core::Waiter& arriving) {
  const std::uint32_t criticality = criticality_of(arriving);
  for (std::uint32_t lower = 0; lower < criticality; ++lower) {
    if (core::Waiter* newest = by_class_[lower].back()) return newest;
  }
  // Fair among equals.
  std::uint32_t length = queues_[place_of(arriving.flow())].count + 1;
  core::Waiter* found = nullptr;
  turns_.for_each([&](SubQueue& queue) {
    core::Waiter* newest = queue.classes[criticality].back();
    if (newest == nullptr || queue.count <= length) return;
    length = queue.count;
    found = newest;
  });
  return found;
}

}  // namespace weir::admission

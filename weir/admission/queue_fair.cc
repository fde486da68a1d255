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
  IntrusiveList<core::Waiter, core::InOrder> waiters;
};

struct FairQueue::Class {
  explicit Class(const Codel::Options& options) : codel(options) {}

  Codel codel;
  IntrusiveList<SubQueue> turns;  // those with somebody in it; the first has its turn
  std::uint32_t active = 0;       // of them
  std::uint32_t waiting = 0;      // in all of them
  IntrusiveList<core::Waiter, core::InIndex> by_age;

  // Newest first, where no fewer wait than on average: those of a tenant that brings
  // little are not made to wait for those that another brings.
  core::Waiter* next_of(SubQueue& queue) {
    const bool stands = codel.overloaded() && std::uint64_t{queue.count} * active >= waiting;
    return stands ? queue.waiters.back() : queue.waiters.front();
  }
};

FairQueue::FairQueue(const Options& options)
    : options_(options),
      classes_(options.shares),
      queues_(std::make_unique<SubQueue[]>(std::size_t{kClasses} * options.sub_queues)) {
  WEIR_CHECK(options.sub_queues >= 1 && options.sub_queues <= 65'536, "1 to 65,536 sub-queues");
  WEIR_CHECK(options.hand >= 1 && options.hand <= 16 && options.hand <= options.sub_queues,
             "a hand of 1 to 16, and not more than there are sub-queues");
  WEIR_CHECK(options.quantum >= 1, "a quantum of at least 1");
  for (std::unique_ptr<Class>& each : turns_) each = std::make_unique<Class>(options.codel);
}

FairQueue::~FairQueue() = default;

std::uint32_t FairQueue::place_of(std::uint32_t criticality, std::uint64_t flow) const {
  std::uint64_t state = flow ^ options_.seed;
  std::uint32_t best = 0;
  std::uint32_t shortest = std::numeric_limits<std::uint32_t>::max();
  for (std::uint32_t i = 0; i < options_.hand; ++i) {
    const unsigned __int128 spread = static_cast<unsigned __int128>(splitmix64(state)) * options_.sub_queues;
    const std::uint32_t place = criticality * options_.sub_queues + static_cast<std::uint32_t>(spread >> 64);
    if (queues_[place].count >= shortest) continue;
    shortest = queues_[place].count;
    best = place;
  }
  return best;
}

void FairQueue::push(core::Waiter& waiter, TimePoint now) {
  const std::uint32_t criticality = criticality_of(waiter);
  waiter.place = place_of(criticality, waiter.flow());
  SubQueue& queue = queues_[waiter.place];
  Class& of = *turns_[criticality];
  if (of.by_age.empty()) of.codel.look({}, now);
  if (queue.count++ == 0) {
    queue.deficit = options_.quantum;
    of.turns.push_back(queue);
    ++of.active;
  }
  ++of.waiting;
  queue.waiters.push_back(waiter);
  of.by_age.push_back(waiter);
  classes_.came(criticality);
}

core::WaitOrder::Choice FairQueue::choose(TimePoint now) {
  if (classes_.waiting() == 0) return {};
  Class& of = *turns_[classes_.next()];
  core::Waiter* oldest = of.by_age.front();
  const Duration sojourn = oldest->sojourn(now);
  of.codel.look(sojourn, now);
  if (of.codel.turns_away(sojourn)) return {oldest, Reason::queue_wait};
  core::Waiter* next = next_in_turn(of);
  return {next, next->start_by() <= now ? Reason::expired : Reason::none};
}

// Of a class in which somebody waits.
core::Waiter* FairQueue::next_in_turn(Class& of) const {
  for (;;) {
    std::uint64_t rounds = std::numeric_limits<std::uint64_t>::max();
    const SubQueue* first = nullptr;  // that could not have its next this time round
    for (SubQueue* queue = of.turns.front(); queue != first; queue = of.turns.front()) {
      core::Waiter* next = of.next_of(*queue);
      const std::uint64_t weight = next->weight();
      if (weight <= queue->deficit) return next;
      queue->deficit += options_.quantum;
      const std::uint64_t missing = weight > queue->deficit ? weight - queue->deficit : 0;
      rounds = std::min(rounds, (missing + options_.quantum - 1) / options_.quantum);
      queue->unlink();
      of.turns.push_back(*queue);
      if (first == nullptr) first = queue;
    }
    // All rounds at once in which nobody could have had anything.
    of.turns.for_each([&](SubQueue& queue) { queue.deficit += rounds * options_.quantum; });
  }
}

void FairQueue::remove(core::Waiter& waiter, Left left) {
  const std::uint32_t criticality = waiter.place / options_.sub_queues;
  SubQueue& queue = queues_[waiter.place];
  static_cast<ListNode<core::InOrder>&>(waiter).unlink();
  static_cast<ListNode<core::InIndex>&>(waiter).unlink();
  if (left == Left::served) queue.deficit -= std::min(queue.deficit, waiter.weight());
  Class& of = *turns_[criticality];
  --of.waiting;
  if (--queue.count == 0) {
    queue.unlink();
    --of.active;
  }
  classes_.left(criticality);
  if (left == Left::served) classes_.served(criticality, waiter.weight());
}

core::Waiter* FairQueue::evict(const core::Waiter& arriving) {
  const std::uint32_t criticality = criticality_of(arriving);
  const std::uint32_t from = classes_.gives_way(criticality);
  if (from == kClasses) return nullptr;
  // Among equals only where it makes it fairer.
  std::uint32_t length = from == criticality ? queues_[place_of(from, arriving.flow())].count + 1 : 0;
  core::Waiter* found = nullptr;
  turns_[from]->turns.for_each([&](SubQueue& queue) {
    if (queue.count <= length) return;
    length = queue.count;
    found = queue.waiters.back();
  });
  return found;
}

}  // namespace weir::admission

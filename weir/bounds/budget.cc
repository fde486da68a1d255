#include "weir/bounds/budget.h"

#include <algorithm>

#include "weir/base/check.h"
#include "weir/bounds/internal/demand.h"
#include "weir/core/now.h"

namespace weir::bounds {

namespace {

// For how long a tier's part is kept for who was refused it: longer than clients take
// to come again, or others of the tier to come.
constexpr Duration kClaim = 1s;

}  // namespace

// A tier. Guarded by the budget's mutex, but for what is constant.
class Budget::Line final : public LedgerEntry {
 public:
  Line(Budget& the_budget, const TierOptions& options)
      : budget(the_budget),
        own_name(options.name),
        name(the_budget.name_ + "." + options.name),
        lends(options.lends),
        borrows(options.borrows),
        queue_depth(options.queue_depth),
        queue_wait(options.queue_wait),
        each(options.each) {}

  Row row() const override;

  void set(const TierOptions& options, std::uint64_t whole) {
    guaranteed = options.guaranteed;
    limit = borrows ? (options.limit == 0 ? whole : options.limit) : options.guaranteed;
  }
  std::uint64_t unused() const { return guaranteed - std::min(guaranteed, in_use); }
  std::unexpected<Error> refuse(ErrorKind kind, Reason reason, std::uint64_t& counter) const {
    ++counter;
    return fail(kind, reason, name);
  }

  // Constant.
  Budget& budget;
  const std::string own_name;
  const std::string name;
  const bool lends;
  const bool borrows;
  const std::uint32_t queue_depth;
  const Duration queue_wait;
  const Bytes each;

  std::uint64_t guaranteed = 0;
  std::uint64_t limit = 0;
  std::uint64_t in_use = 0;
  TimePoint claimed_until = {};  // its part is not lent before
  IntrusiveList<Acquire> waiters;
  TierStats counts;  // what is counted since construction, `queued` and the peak
  std::uint64_t invalid = 0;
};

std::expected<void, std::string> Budget::verify_numbers(const Options& options) {
  const std::string budget = "budget " + options.name + ": ";
  if (options.limit == 0) return std::unexpected(budget + "limit 0 would refuse everything; at least 1");
  if (options.limit >= 1ull << 63) return std::unexpected(budget + "limit is over 2^63 - 1");
  if (options.tiers.empty() || options.tiers.size() > kTiersMax)
    return std::unexpected(budget + std::to_string(options.tiers.size()) + " tiers; 1 to " +
                           std::to_string(kTiersMax));
  std::uint64_t guaranteed = 0;
  for (const TierOptions& tier : options.tiers) {
    const std::string of = budget + "tier " + tier.name + ": ";
    guaranteed = internal::saturating_sum(guaranteed, tier.guaranteed);
    if (tier.limit > options.limit)
      return std::unexpected(of + "limit " + std::to_string(tier.limit) + " is over the budget's " +
                             std::to_string(options.limit));
    if (tier.limit != 0 && tier.limit < tier.guaranteed)
      return std::unexpected(of + "limit " + std::to_string(tier.limit) +
                             " is below what it is guaranteed, " + std::to_string(tier.guaranteed));
    if (!tier.borrows && tier.guaranteed == 0)
      return std::unexpected(of +
                             "nothing is guaranteed and it may not borrow: it would be refused everything");
    if (tier.queue_wait < Duration::zero()) return std::unexpected(of + "its queue's wait is negative");
  }
  if (guaranteed > options.limit)
    return std::unexpected(budget + "its tiers are guaranteed " + std::to_string(guaranteed) +
                           " units together, its limit is " + std::to_string(options.limit));
  if (options.parent != nullptr && options.limit > options.parent->stats().limit)
    return std::unexpected(budget + "limit " + std::to_string(options.limit) + " is over its parent " +
                           options.parent->name() + "'s " + std::to_string(options.parent->stats().limit));
  return {};
}

std::expected<void, std::string> Budget::verify(const Ledger& ledger, const Options& options) {
  if (options.name.empty()) return std::unexpected("a budget without a name");
  const std::string budget = "budget " + options.name + ": ";
  if (ledger.contains(options.name)) return std::unexpected("two bounds are named " + options.name);
  if (options.parent != nullptr && options.parent->unit() != options.unit)
    return std::unexpected(budget + "counts " + std::string(to_string(options.unit)) + ", its parent " +
                           options.parent->name() + " " + std::string(to_string(options.parent->unit())));
  for (std::size_t i = 0; i < options.tiers.size(); ++i) {
    const std::string& name = options.tiers[i].name;
    if (name.empty()) return std::unexpected(budget + "a tier without a name");
    if (ledger.contains(options.name + "." + name))
      return std::unexpected("two bounds are named " + options.name + "." + name);
    for (std::size_t j = 0; j < i; ++j) {
      if (options.tiers[j].name == name) return std::unexpected(budget + "two tiers are named " + name);
    }
  }
  return verify_numbers(options);
}

std::expected<std::unique_ptr<Budget>, std::string> Budget::make(Ledger& ledger, Options options) {
  if (auto right = verify(ledger, options); !right) return std::unexpected(right.error());
  return std::make_unique<Budget>(ledger, std::move(options));
}

Budget::Budget(Ledger& ledger, Options options)
    : name_(options.name),
      unit_(options.unit),
      because_(std::move(options.because)),
      derived_from_(std::move(options.derived_from)),
      parent_(options.parent),
      ledger_(ledger),
      limit_(options.limit) {
  auto right = verify(ledger, options);
  if (right) right = ledger.enter(name_, *this);
  WEIR_CHECK(right, right.error().c_str());
  for (const TierOptions& tier : options.tiers) {
    lines_.push_back(std::make_unique<Line>(*this, tier));
    lines_.back()->set(tier, limit_);
    right = ledger.enter(lines_.back()->name, *lines_.back());
    WEIR_CHECK(right, right.error().c_str());
  }
}

Budget::~Budget() {
  for (const auto& line : lines_) ledger_.leave(*line);
  ledger_.leave(*this);
  WEIR_CHECK(in_use_ == 0, "a budget outlives its permits");
}

std::optional<Budget::Tier> Budget::tier(std::string_view name) const {
  const auto found =
      std::ranges::find_if(lines_, [name](const auto& line) { return line->own_name == name; });
  if (found == lines_.end()) return std::nullopt;
  return Tier{static_cast<std::uint32_t>(found - lines_.begin())};
}

Budget::Line& Budget::line(Tier tier) const {
  const auto index = static_cast<std::size_t>(tier);
  WEIR_CHECK(index < lines_.size(), "a budget has no such tier");
  return *lines_[index];
}

// What the line may take of what is free: not what others keep for themselves.
std::uint64_t Budget::room_locked(const Line& line, bool borrows) const {
  std::uint64_t taken = in_use_;
  // A claim is against those who borrow, not against who asks for its own.
  const TimePoint now = claims_until_ == TimePoint() || !borrows ? kNever : core::now();
  for (const auto& other : lines_) {
    if (other.get() != &line && keeps_locked(*other, now)) taken += other->unused();
  }
  return limit_ - std::min(limit_, taken);
}

bool Budget::keeps_locked(const Line& line, TimePoint now) const {
  return !line.lends || (now < claims_until_ && now < line.claimed_until);
}

// Whether it asks for no more than its own.
bool Budget::owed_locked(const Line& line, std::uint64_t weight) const {
  return line.in_use + weight <= line.guaranteed;
}

// Takes the units if the rules allow it; `waited`: its turn has come.
bool Budget::admit_locked(Line& line, std::uint64_t weight, bool waited) {
  if (line.in_use + weight > line.limit || room_locked(line, !owed_locked(line, weight)) < weight)
    return false;
  if (!waited && !line.waiters.empty()) return false;
  // Nobody overtakes who is owed; and who borrows overtakes nobody.
  if (!waited && next_locked(true) != nullptr) return false;
  if (!waited && !owed_locked(line, weight) && next_locked(false) != nullptr) return false;
  take_locked(line, weight);
  return true;
}

void Budget::take_locked(Line& line, std::uint64_t weight) {
  line.in_use += weight;
  in_use_ += weight;
  peak_ = std::max(peak_, in_use_);
  line.counts.peak = std::max(line.counts.peak, line.in_use);
  ++line.counts.admitted;
}

// Of the tiers whose first waiter is owed, or only borrows, the one whose came
// first; null: none. One that its own limit holds back is passed over.
Budget::Line* Budget::next_locked(bool owed) {
  Line* first = nullptr;
  for (const auto& line : lines_) {
    const Acquire* waiter = line->waiters.front();
    if (waiter == nullptr || owed_locked(*line, waiter->weight_) != owed) continue;
    if (line->in_use + waiter->weight_ > line->limit) continue;
    if (first == nullptr || waiter->arrival_ < first->waiters.front()->arrival_) first = line.get();
  }
  return first;
}

void Budget::grant_locked() {
  for (;;) {
    Line* line = next_locked(true);
    if (line == nullptr) line = next_locked(false);
    if (line == nullptr) return;
    Acquire& waiter = *line->waiters.front();
    const std::uint32_t weight = waiter.weight_;
    if (!admit_locked(*line, weight, true)) return;  // what comes free is kept for it
    waiter.unlink();
    --line->counts.queued;
    if (waiter.wait_->parking().wake(core::Wake::ready)) continue;  // `waiter` may be gone
    // Lost to a deadline or a cancellation: nothing was taken.
    line->in_use -= weight;
    in_use_ -= weight;
    --line->counts.admitted;
  }
}

void Budget::release(Line& line, std::uint64_t weight) {
  const std::lock_guard guard(mutex_);
  WEIR_DCHECK(line.in_use >= weight, "more units released than were taken");
  line.in_use -= weight;
  in_use_ -= weight;
  grant_locked();
}

void Budget::Permit::release() {
  if (Line* line = std::exchange(line_, nullptr)) line->budget.release(*line, weight_);
}

Result<Budget::Permit> Budget::try_acquire(Tier tier, std::uint32_t weight) {
  Line& of = line(tier);
  const std::lock_guard guard(mutex_);
  if (weight == 0 || weight > of.limit) return of.refuse(ErrorKind::invalid, Reason::too_large, of.invalid);
  if (admit_locked(of, weight, false)) return Permit(of, weight);
  if (owed_locked(of, weight)) claims_until_ = of.claimed_until = saturating_add(core::now(), kClaim);
  return of.refuse(ErrorKind::overloaded, Reason::at_limit, of.counts.refused_at_limit);
}

Budget::Acquire Budget::acquire(core::Context& context, Tier tier, std::uint32_t weight) {
  return {*this, context, line(tier), weight};
}

bool Budget::Acquire::await_ready() {
  const std::lock_guard guard(budget_.mutex_);
  TierStats& counts = line_.counts;
  if (weight_ == 0 || weight_ > line_.limit) {
    now_ = line_.refuse(ErrorKind::invalid, Reason::too_large, line_.invalid);
  } else if (budget_.admit_locked(line_, weight_, false)) {
    now_ = Permit(line_, weight_);
  } else if (line_.queue_depth == 0) {
    now_ = line_.refuse(ErrorKind::overloaded, Reason::at_limit, counts.refused_at_limit);
  } else if (counts.queued >= line_.queue_depth) {
    now_ = line_.refuse(ErrorKind::overloaded, Reason::queue_full, counts.refused_queue_full);
  }
  return now_.has_value();
}

bool Budget::Acquire::await_suspend(core::TaskHandle task) {
  const TimePoint deadline =
      line_.queue_wait == Duration::zero() ? kNever : saturating_add(core::now(), line_.queue_wait);
  wait_.emplace(context_, core::WaitReason::semaphore, deadline);
  {
    // What came free meanwhile went to nobody: it is looked at once more.
    const std::lock_guard guard(budget_.mutex_);
    if (budget_.admit_locked(line_, weight_, false)) {
      now_ = Permit(line_, weight_);
    } else if (line_.counts.queued >= line_.queue_depth) {
      now_ = line_.refuse(ErrorKind::overloaded, Reason::queue_full, line_.counts.refused_queue_full);
    }
    if (now_) return false;
    waited_ = true;
    arrival_ = budget_.arrivals_++;
    line_.waiters.push_back(*this);
    ++line_.counts.queued;
  }
  return wait_->suspend(task);
}

Result<Budget::Permit> Budget::Acquire::await_resume() {
  if (!waited_) return std::move(*now_);
  const core::Wake outcome = wait_->finish();
  if (outcome == core::Wake::ready) return now_ ? std::move(*now_) : Permit(line_, weight_);
  const std::lock_guard guard(budget_.mutex_);
  if (linked()) {
    unlink();
    --line_.counts.queued;
    budget_.grant_locked();  // those behind may have waited for this one only
  }
  if (outcome == core::Wake::deadline && !wait_->context_ends_first())
    return line_.refuse(ErrorKind::overloaded, Reason::queue_wait, line_.counts.refused_queue_wait);
  ++line_.counts.abandoned;
  return std::unexpected(core::Wait::error(outcome, line_.name));
}

// Those who wait for more than there will ever be.
void Budget::turn_away_locked(Line& line) {
  line.waiters.for_each([&line](Acquire& waiter) {
    if (waiter.weight_ <= line.limit) return;
    waiter.unlink();
    --line.counts.queued;
    waiter.now_ = line.refuse(ErrorKind::invalid, Reason::too_large, line.invalid);
    waiter.wait_->parking().wake(core::Wake::ready);  // lost: it ends for another reason
  });
}

std::expected<void, std::string> Budget::resize(const Options& options) {
  Options numbers = options;
  numbers.name = name_;
  numbers.parent = parent_;
  if (auto right = verify_numbers(numbers); !right) return right;
  const bool same_tiers = std::ranges::equal(
      lines_, options.tiers, {}, [](const auto& line) { return line->own_name; }, &TierOptions::name);
  if (!same_tiers)
    return std::unexpected("budget " + name_ + ": its tiers are other ones; they stay while it runs");
  const std::lock_guard guard(mutex_);
  limit_ = options.limit;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    lines_[i]->set(options.tiers[i], limit_);
    turn_away_locked(*lines_[i]);
  }
  grant_locked();
  return {};
}

Budget::TierStats Budget::stats(Tier tier) const {
  const Line& of = line(tier);
  const std::lock_guard guard(mutex_);
  TierStats stats = of.counts;
  stats.guaranteed = of.guaranteed;
  stats.limit = of.limit;
  stats.in_use = of.in_use;
  stats.borrowed = of.in_use - std::min(of.in_use, of.guaranteed);
  return stats;
}

Row Budget::Line::row() const {
  const std::lock_guard guard(budget.mutex_);
  return {
      .name = name,
      .unit = budget.unit_,
      .limit = limit,
      .in_use = in_use,
      .peak = counts.peak,
      .queue_depth = counts.queued,
      .queue_limit = queue_depth,
      .admitted = counts.admitted,
      .refused = {{to_string(Reason::at_limit), counts.refused_at_limit},
                  {to_string(Reason::queue_full), counts.refused_queue_full},
                  {to_string(Reason::queue_wait), counts.refused_queue_wait},
                  {"abandoned", counts.abandoned}},
      .because = budget.because_,
      .derived_from = std::to_string(guaranteed) + " guaranteed of " + std::to_string(budget.limit_),
      .parent = budget.name_,
      .each = each,
  };
}

Row Budget::row() const {
  const std::lock_guard guard(mutex_);
  Row row{.name = name_,
          .unit = unit_,
          .limit = limit_,
          .in_use = in_use_,
          .peak = peak_,
          .because = because_,
          .derived_from = derived_from_,
          .parent = parent_ == nullptr ? std::string() : parent_->name()};
  for (const auto& line : lines_) row.admitted += line->counts.admitted;
  return row;
}

}  // namespace weir::bounds

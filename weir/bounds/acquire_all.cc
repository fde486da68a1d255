#include "weir/bounds/acquire_all.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

namespace weir::bounds {

// What to take, in the order in which it is taken.
class Acquisition {
 public:
  static Result<Acquisition> make(std::initializer_list<Units> units) {
    if (units.size() == 0 || units.size() > kLimitsAtOnceMax)
      return fail(ErrorKind::invalid, Reason::none, "acquire_all");
    Acquisition all;
    for (const Units& one : units) {
      if (!all.add(one)) return fail(ErrorKind::invalid, Reason::too_large, one.limit.name());
    }
    std::sort(all.begin(), all.end(),
              [](const Part& a, const Part& b) { return std::less<const core::Limit*>()(a.limit, b.limit); });
    return all;
  }

  Result<Permits> try_now() const {
    Permits permits;
    for (std::size_t i = 0; i < count_; ++i) {
      Result<core::Permit> permit = parts_[i].limit->try_acquire(parts_[i].weight);
      if (!permit) return std::unexpected(permit.error());
      permits.held_[i] = std::move(*permit);
    }
    return permits;
  }

  static core::task<Result<Permits>> wait(core::Context& context, Result<Acquisition> all) {
    if (!all) co_return std::unexpected(all.error());
    Permits permits;
    for (std::size_t i = 0; i < all->count_; ++i) {
      const Part& part = all->parts_[i];
      Result<core::Permit> permit = co_await part.limit->acquire(context, part.weight);
      if (!permit) co_return std::unexpected(permit.error());
      permits.held_[i] = std::move(*permit);
    }
    co_return permits;
  }

 private:
  struct Part {
    core::Limit* limit = nullptr;
    std::uint32_t weight = 0;
  };

  Part* begin() { return parts_.data(); }
  Part* end() { return parts_.data() + count_; }

  // False: the sum overflows.
  bool add(const Units& units) {
    Part* const same = std::find_if(begin(), end(), [&](const Part& p) { return p.limit == &units.limit; });
    if (same == end()) {
      parts_[count_++] = {.limit = &units.limit, .weight = units.weight};
      return true;
    }
    if (units.weight == 0) same->weight = 0;  // work under no bound: the limit says so
    if (same->weight == 0) return true;
    return !__builtin_add_overflow(same->weight, units.weight, &same->weight);
  }

  std::array<Part, kLimitsAtOnceMax> parts_;
  std::size_t count_ = 0;
};

Permits& Permits::operator=(Permits&& other) noexcept {
  if (this != &other) {
    release();
    held_ = std::move(other.held_);
  }
  return *this;
}

std::uint32_t Permits::weight(const core::Limit& limit) const {
  for (const core::Permit& permit : held_) {
    if (permit.limit() == &limit) return permit.weight();
  }
  return 0;
}

core::Permit Permits::take(const core::Limit& limit) {
  for (core::Permit& permit : held_) {
    if (permit.limit() == &limit) return std::move(permit);
  }
  return {};
}

void Permits::release() {
  for (std::size_t i = held_.size(); i-- > 0;) held_[i].release();
}

Result<Permits> try_acquire_all(std::initializer_list<Units> units) {
  const Result<Acquisition> all = Acquisition::make(units);
  if (!all) return std::unexpected(all.error());
  return all->try_now();
}

// No coroutine itself: the list is read before it returns.
core::task<Result<Permits>> acquire_all(core::Context& context, std::initializer_list<Units> units) {
  return Acquisition::wait(context, Acquisition::make(units));
}

}  // namespace weir::bounds

#include "weir/core/shared_mutex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "weir/core/event.h"
#include "weir/core/internal/testing.h"
#include "weir/core/runtime.h"

namespace weir::core {
namespace {

using internal::ManualClock;
using internal::settle;
using internal::Spawner;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class SharedMutexTest : public ::testing::Test {
 protected:
  template <typename Body>
  void run(Body body) {
    EXPECT_TRUE(runtime_.run([&](Scope& root) -> task<> { co_await body(root); }));
  }
  // Holds it until leave_ is set.
  task<> read(Context& context, SharedMutex& mutex, int id, TimePoint deadline = kNever) {
    const Result<SharedMutex::Guard> guard = co_await mutex.lock_shared(context, deadline);
    co_await hold(context, guard, id);
  }
  task<> write(Context& context, SharedMutex& mutex, int id, TimePoint deadline = kNever) {
    const Result<SharedMutex::Guard> guard = co_await mutex.lock(context, deadline);
    co_await hold(context, guard, id);
  }
  task<> hold(Context& context, const Result<SharedMutex::Guard>& guard, int id) {
    if (!guard) {
      errors_.push_back(guard.error());
      co_return;
    }
    inside_.push_back(id);
    (void)co_await leave_.wait(context);
    std::erase(inside_, id);
  }

  ManualClock clock_;
  Runtime runtime_{{.processors = 1, .clock = &clock_}};
  Spawner spawn_;
  Event leave_;
  std::vector<int> inside_;
  std::vector<Error> errors_;
};

TEST_F(SharedMutexTest, ManyReadOrOneWrites) {
  SharedMutex mutex;
  std::optional<SharedMutex::Guard> first = mutex.try_lock_shared();
  std::optional<SharedMutex::Guard> second = mutex.try_lock_shared();
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(first->exclusive());
  EXPECT_FALSE(mutex.try_lock());
  first.reset();
  EXPECT_FALSE(mutex.try_lock());
  second.reset();
  const std::optional<SharedMutex::Guard> writer = mutex.try_lock();
  ASSERT_TRUE(writer);
  EXPECT_TRUE(writer->exclusive());
  EXPECT_FALSE(mutex.try_lock_shared());
  EXPECT_FALSE(mutex.try_lock());
}

TEST_F(SharedMutexTest, AWriterThatWaitsHoldsBackLaterReadersWhoAreThenAdmittedTogether) {
  run([&](Scope& root) -> task<> {
    SharedMutex mutex;
    std::optional<SharedMutex::Guard> reader = mutex.try_lock_shared();
    spawn_(root, write(root.context(), mutex, 1));
    spawn_(root, read(root.context(), mutex, 2));
    spawn_(root, read(root.context(), mutex, 3));
    spawn_(root, write(root.context(), mutex, 4));
    spawn_(root, read(root.context(), mutex, 5));
    co_await settle();
    EXPECT_THAT(inside_, IsEmpty());
    EXPECT_FALSE(mutex.try_lock_shared());
    reader.reset();
    co_await settle();
    EXPECT_THAT(inside_, ElementsAre(1));
    leave_.set();
    leave_.reset();
    co_await settle();
    EXPECT_THAT(inside_, UnorderedElementsAre(2, 3)) << "not 5: a writer stands between";
    leave_.set();
    leave_.reset();
    co_await settle();
    EXPECT_THAT(inside_, ElementsAre(4));
    leave_.set();
    co_await settle();
    EXPECT_TRUE(mutex.try_lock());
  });
}

TEST_F(SharedMutexTest, AWriterThatGivesUpLetsTheReadersBehindItIn) {
  run([&](Scope& root) -> task<> {
    SharedMutex mutex;
    std::optional<SharedMutex::Guard> reader = mutex.try_lock_shared();
    Context writing(root.context());
    spawn_(root, write(writing, mutex, 1));
    spawn_(root, read(root.context(), mutex, 2));
    spawn_(root, write(root.context(), mutex, 3, clock_.now() + 1ms));
    spawn_(root, read(root.context(), mutex, 4));
    co_await settle();
    writing.cancel();
    co_await settle();
    EXPECT_EQ(errors_.at(0).kind, ErrorKind::cancelled);
    EXPECT_THAT(inside_, ElementsAre(2));
    clock_.advance(1s);
    co_await settle();
    EXPECT_EQ(errors_.at(1).kind, ErrorKind::deadline);
    EXPECT_THAT(inside_, UnorderedElementsAre(2, 4));
    leave_.set();
    co_await settle();
    reader.reset();
    EXPECT_TRUE(mutex.try_lock());
  });
}

TEST_F(SharedMutexTest, RefusesMoreWaitersThanItMayHave) {
  run([&](Scope& root) -> task<> {
    SharedMutex mutex(1);
    std::optional<SharedMutex::Guard> writer = mutex.try_lock();
    spawn_(root, read(root.context(), mutex, 1));
    spawn_(root, read(root.context(), mutex, 2));
    co_await settle();
    EXPECT_EQ(errors_.at(0).reason, Reason::queue_full);
    leave_.set();
    writer.reset();
    co_await settle();
    EXPECT_TRUE(mutex.try_lock());
  });
}

}  // namespace
}  // namespace weir::core

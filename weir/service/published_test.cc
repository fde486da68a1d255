#include "weir/service/published.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace weir::service {
namespace {

// Counts those that live.
struct Counted {
  Counted(std::atomic<int>& alive, int of) : living(alive), number(of) { ++living; }
  ~Counted() { --living; }
  std::atomic<int>& living;
  const int number;
};

TEST(Published, WhoHasBegunWithOneKeepsIt) {
  std::atomic<int> living{0};
  Published<Counted> published(std::make_shared<Counted>(living, 1), 4);
  auto kept = published.get();
  published.set(std::make_shared<Counted>(living, 2));
  EXPECT_EQ(kept->number, 1);
  EXPECT_EQ(published.get()->number, 2);
  EXPECT_EQ(living, 2);
  kept.reset();
  EXPECT_EQ(living, 1) << "ended with the last who had it";
}

TEST(Published, IsReadWhileItIsReplaced) {
  std::atomic<int> living{0};
  {
    Published<Counted> published(std::make_shared<Counted>(living, 0), 2);
    std::atomic<bool> done{false};
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
      readers.emplace_back([&] {
        int last = 0;
        while (!done.load()) {
          const int number = published.get()->number;
          EXPECT_GE(number, last);
          last = number;
        }
      });
    }
    for (int i = 1; i <= 2000; ++i) published.set(std::make_shared<Counted>(living, i));
    done = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(living, 1);
  }
  EXPECT_EQ(living, 0);
}

}  // namespace
}  // namespace weir::service

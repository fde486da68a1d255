#include "weir/base/intrusive_list.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir {
namespace {

struct ByAge {};
struct BySize {};

struct Item : ListNode<> {
  explicit Item(int number) : number(number) {}
  int number;
};

struct TwoLists : ListNode<ByAge>, ListNode<BySize> {};

std::vector<int> numbers(IntrusiveList<Item>& list) {
  std::vector<int> result;
  list.for_each([&](Item& item) { result.push_back(item.number); });
  return result;
}

TEST(IntrusiveList, IsFirstInFirstOut) {
  Item one(1), two(2), three(3);
  IntrusiveList<Item> list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.front(), nullptr);
  list.push_back(one);
  list.push_back(two);
  list.push_back(three);
  EXPECT_EQ(list.front(), &one);
  EXPECT_EQ(list.pop_front(), &one);
  EXPECT_EQ(list.pop_front(), &two);
  EXPECT_EQ(list.pop_front(), &three);
  EXPECT_EQ(list.pop_front(), nullptr);
  EXPECT_TRUE(list.empty());
}

TEST(IntrusiveList, LetsAnElementLeaveFromAnywhere) {
  Item one(1), two(2), three(3);
  IntrusiveList<Item> list;
  for (Item* item : {&one, &two, &three}) list.push_back(*item);
  two.unlink();
  EXPECT_FALSE(two.linked());
  EXPECT_EQ(numbers(list), (std::vector{1, 3}));
  three.unlink();
  EXPECT_EQ(numbers(list), (std::vector{1}));
  one.unlink();
  EXPECT_TRUE(list.empty());
}

TEST(IntrusiveList, TakesAnElementThatHasLeftBack) {
  Item one(1), two(2);
  IntrusiveList<Item> list;
  list.push_back(one);
  list.push_back(two);
  list.push_back(*list.pop_front());
  EXPECT_EQ(numbers(list), (std::vector{2, 1}));
  while (list.pop_front() != nullptr) {
  }
}

TEST(IntrusiveList, LetsAVisitorUnlinkWhatItVisits) {
  Item one(1), two(2), three(3);
  IntrusiveList<Item> list;
  for (Item* item : {&one, &two, &three}) list.push_back(*item);
  std::vector<int> seen;
  list.for_each([&](Item& item) {
    seen.push_back(item.number);
    item.unlink();
  });
  EXPECT_EQ(seen, (std::vector{1, 2, 3}));
  EXPECT_TRUE(list.empty());
}

TEST(IntrusiveList, HoldsOneElementInTwoListsByTag) {
  TwoLists element;
  IntrusiveList<TwoLists, ByAge> by_age;
  IntrusiveList<TwoLists, BySize> by_size;
  by_age.push_back(element);
  by_size.push_back(element);
  EXPECT_EQ(by_age.pop_front(), &element);
  EXPECT_TRUE(by_age.empty());
  EXPECT_EQ(by_size.front(), &element);
  EXPECT_EQ(by_size.pop_front(), &element);
}

#ifndef NDEBUG
TEST(IntrusiveListDeathTest, RefusesAnElementThatIsInAListAlready) {
  Item one(1);
  IntrusiveList<Item> first, second;
  first.push_back(one);
  EXPECT_DEATH(second.push_back(one), "in a list already");
  one.unlink();
}

TEST(IntrusiveListDeathTest, RefusesToDieWithElements) {
  EXPECT_DEATH(
      {
        Item one(1);
        IntrusiveList<Item> list;
        list.push_back(one);
      },
      "list destroyed with elements");
}

TEST(IntrusiveListDeathTest, RefusesAnElementThatDiesInAList) {
  EXPECT_DEATH(
      {
        IntrusiveList<Item> list;
        Item one(1);
        list.push_back(one);
      },
      "destroyed while in a list");
}
#endif

TEST(IntrusiveList, TakesAllOfAnotherToItsEndAndLeavesItEmpty) {
  IntrusiveList<Item> list;
  IntrusiveList<Item> other;
  Item items[] = {Item(0), Item(1), Item(2), Item(3), Item(4)};
  const auto order = [&](IntrusiveList<Item>& of) {
    std::vector<std::ptrdiff_t> seen;
    of.for_each([&](Item& item) { seen.push_back(&item - items); });
    return seen;
  };
  list.take_all(other);
  EXPECT_TRUE(list.empty());
  for (int i = 0; i < 2; ++i) list.push_back(items[i]);
  for (int i = 2; i < 5; ++i) other.push_back(items[i]);
  list.take_all(other);
  EXPECT_EQ(order(list), (std::vector<std::ptrdiff_t>{0, 1, 2, 3, 4}));
  EXPECT_TRUE(other.empty());
  items[3].unlink();
  other.take_all(list);
  EXPECT_EQ(order(other), (std::vector<std::ptrdiff_t>{0, 1, 2, 4}));
  while (other.pop_front() != nullptr) {
  }
}

}  // namespace
}  // namespace weir

// A doubly linked list whose links live in its elements: adding and removing
// never allocate, and an element can leave from the middle in O(1).
//
// Not thread-safe. The list owns nothing: an element must have left before it
// is destroyed. An element that can be in two lists derives from two tagged
// nodes.
//
//   struct Waiter : ListNode<> { int weight; };
//   IntrusiveList<Waiter> waiters;
#pragma once

#include "weir/base/check.h"

namespace weir {

template <typename Tag = void>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { WEIR_DCHECK(!linked(), "destroyed while in a list"); }

  bool linked() const { return next_ != nullptr; }

  void unlink() {
    WEIR_DCHECK(linked(), "unlink of an element that is in no list");
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = nullptr;
  }

 private:
  template <typename T, typename OtherTag>
  friend class IntrusiveList;

  ListNode* previous_ = nullptr;
  ListNode* next_ = nullptr;
};

template <typename T, typename Tag = void>
class IntrusiveList {
 public:
  IntrusiveList() { head_.previous_ = head_.next_ = &head_; }
  ~IntrusiveList() {
    WEIR_DCHECK(empty(), "list destroyed with elements in it");
    head_.previous_ = head_.next_ = nullptr;
  }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  bool empty() const { return head_.next_ == &head_; }
  T* front() { return empty() ? nullptr : static_cast<T*>(head_.next_); }
  T* back() { return empty() ? nullptr : static_cast<T*>(head_.previous_); }

  void push_back(T& element) {
    ListNode<Tag>& node = element;
    WEIR_DCHECK(!node.linked(), "element is in a list already");
    node.previous_ = head_.previous_;
    node.next_ = &head_;
    head_.previous_->next_ = &node;
    head_.previous_ = &node;
  }

  // Moves all of `other` to the end of this, in O(1).
  void take_all(IntrusiveList& other) {
    if (other.empty()) return;
    other.head_.next_->previous_ = head_.previous_;
    other.head_.previous_->next_ = &head_;
    head_.previous_->next_ = other.head_.next_;
    head_.previous_ = other.head_.previous_;
    other.head_.previous_ = other.head_.next_ = &other.head_;
  }

  T* pop_front() {
    T* element = front();
    if (element != nullptr) static_cast<ListNode<Tag>*>(element)->unlink();
    return element;
  }

  // Calls visit(T&) for each element, first to last; `visit` may unlink the
  // element it is given and no other.
  template <typename Visit>
  void for_each(Visit visit) {
    for (ListNode<Tag>* node = head_.next_; node != &head_;) {
      ListNode<Tag>* next = node->next_;
      visit(*static_cast<T*>(node));
      node = next;
    }
  }

 private:
  ListNode<Tag> head_;
};

}  // namespace weir

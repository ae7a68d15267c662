// SPDX-License-Identifier: Apache-2.0
//
// A queue that allocates only when it grows beyond what it has ever held. std::deque asks for
// memory every few dozen elements, which is in the way of a loop that measures microseconds.
#pragma once

#include <bit>
#include <cstddef>
#include <utility>
#include <vector>

namespace ferry::load {

template <typename T>
class Ring {
 public:
  explicit Ring(size_t room = 64) : items_(std::bit_ceil(room)) {}

  bool empty() const { return first_ == end_; }
  size_t size() const { return end_ - first_; }
  T& front() { return items_[first_ & (items_.size() - 1)]; }
  const T& front() const { return items_[first_ & (items_.size() - 1)]; }
  void push_back(T item) {
    if (size() == items_.size()) grow();
    items_[end_++ & (items_.size() - 1)] = std::move(item);
  }
  void pop_front() { ++first_; }
  void clear() { first_ = end_; }

 private:
  void grow() {
    std::vector<T> larger(items_.size() * 2);
    const size_t count = size();
    for (size_t i = 0; i < count; ++i)
      larger[i] = std::move(items_[(first_ + i) & (items_.size() - 1)]);
    items_ = std::move(larger);
    first_ = 0;
    end_ = count;
  }

  std::vector<T> items_;  // a power of two, so that a counter that wraps around stays right
  size_t first_ = 0, end_ = 0;
};

}  // namespace ferry::load

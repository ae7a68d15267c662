// SPDX-License-Identifier: Apache-2.0
#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <vector>

namespace ferry::base {

void in_parallel(size_t count, size_t threads, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next = 0;
  const auto do_some = [&] {
    try {
      for (size_t i = next++; i < count; i = next++) work(i);
    } catch (...) {
      next = count;
      throw;
    }
  };
  std::vector<std::future<void>> others;  // they end before what they use
  for (size_t i = 1; i < std::min(count, threads); ++i) others.push_back(std::async(std::launch::async, do_some));
  do_some();
  for (auto& other : others) other.get();
}

}  // namespace ferry::base

// SPDX-License-Identifier: Apache-2.0
//
// Independent pieces of work by a few threads.
#pragma once

#include <cstddef>
#include <functional>

namespace ferry::base {

// work(0) … work(count - 1), each once, by at most `threads` threads; the caller is one of them. Throws what a piece has thrown, once all threads
// have ended; the pieces that nobody had begun by then may be left out.
void in_parallel(size_t count, size_t threads, const std::function<void(size_t)>& work);

}  // namespace ferry::base

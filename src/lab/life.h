// SPDX-License-Identifier: Apache-2.0
//
// Tying a child's life to its parent's: when the parent dies, however it dies, the kernel kills the child.
// Made by the parent before the fork, on the thread that forks (the kernel's "parent" is that thread).
#pragma once

#include "base/fd.h"

namespace ferry::lab {

class LifeTie {
 public:
  LifeTie();
  // In the child, before anything else. Does not return if the parent is dead already; works across pid
  // namespaces, where getppid() says 0 either way.
  void hold() const;

 private:
  base::Fd parent_;  // pidfd
};

}  // namespace ferry::lab

// SPDX-License-Identifier: Apache-2.0
//
// Who outside a tree has the same pipe or socket open. A pass over all of /proc, made when it is asked for the first time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "process/view.h"

namespace ferry::process {

class Outsiders {
 public:
  explicit Outsiders(const Tree& tree) : tree_(tree) {}

  // `target` as readlink says of a descriptor: "pipe:[123]", "socket:[45]", or the path of a FIFO. "cat (pid 7)"; nothing
  // when nobody else has it open.
  std::optional<std::string> holder_of(const std::string& target);

 private:
  void read();
  Tree tree_;
  bool read_ = false;
  std::map<std::string, pid_t> holders_;
};

}  // namespace ferry::process

// SPDX-License-Identifier: Apache-2.0
//
// A directory of this machine's, below /tmp, for as long as the object lives.
#pragma once

#include "base/fd.h"

namespace ferry::bench {

class TemporaryDirectory {
 public:
  TemporaryDirectory();  // for its owner alone; throws SysError
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  void let_others_in() const;  // to read and to look for names
  const base::Path& path() const { return path_; }

 private:
  base::Path path_;
};

}  // namespace ferry::bench

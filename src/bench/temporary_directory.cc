// SPDX-License-Identifier: Apache-2.0
#include "bench/temporary_directory.h"

#include <stdlib.h>

#include <cerrno>

#include "base/error.h"

namespace ferry::bench {

TemporaryDirectory::TemporaryDirectory() {
  std::string path = "/tmp/ferry-bench-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) throw base::SysError("mkdtemp", errno, path);
  path_ = path;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code none;
  std::filesystem::remove_all(path_, none);
}

void TemporaryDirectory::let_others_in() const {
  std::filesystem::permissions(path_, std::filesystem::perms(0755));
}

}  // namespace ferry::bench

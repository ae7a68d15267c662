// SPDX-License-Identifier: Apache-2.0
//
// What a program says while it runs beside others, to be read when it has ended: no pipe that has to
// be emptied meanwhile.
#pragma once

#include <sys/mman.h>

#include <string>

#include "base/error.h"
#include "base/fd.h"

namespace ferry::base {

class ProgramWords {
 public:
  ProgramWords() : file_(::memfd_create("ferry-words", MFD_CLOEXEC)) {
    if (!file_) throw SysError("memfd_create", errno, "");
  }
  int fd() const { return file_.get(); }  // for its standard error, or output
  std::string text() const {
    return try_read_file("/proc/self/fd/" + std::to_string(file_.get())).value_or("");
  }

 private:
  Fd file_;
};

}  // namespace ferry::base

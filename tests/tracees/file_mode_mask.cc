// SPDX-License-Identifier: Apache-2.0
//
// The umask.
#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  ::umask(0137);
  ready_and_wait();
  const int fd = static_cast<int>(must(::open(path("new").c_str(), O_WRONLY | O_CREAT, 0777)));
  struct stat status {};
  must(::fstat(fd, &status));
  require_equal(status.st_mode & 0777, 0640, "a new file's mode");
  require_equal(::umask(0), 0137, "the mask");
  return pass();
}

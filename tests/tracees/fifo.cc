// SPDX-License-Identifier: Apache-2.0
//
// A named pipe with data in it.
#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const std::string name = path("fifo");
  must(::mkfifo(name.c_str(), 0600));
  const int both = static_cast<int>(must(::open(name.c_str(), O_RDWR)));
  const int reader = static_cast<int>(must(::open(name.c_str(), O_RDONLY)));
  require_equal(::write(both, "in the fifo", 11), 11, "write");

  ready_and_wait();
  require(read_some(reader) == "in the fifo", "what was in the fifo");
  require_equal(::write(both, "more", 4), 4, "write");
  require(read_some(reader) == "more", "what is written after");
  return pass();
}

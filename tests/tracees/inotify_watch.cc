// SPDX-License-Identifier: Apache-2.0
//
// An inotify watch on a directory: its number stays, and it sees what happens after the move.
#include <sys/inotify.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const int fd = static_cast<int>(must(::inotify_init1(IN_NONBLOCK)));
  const int watch = static_cast<int>(must(::inotify_add_watch(fd, directory.c_str(), IN_CREATE)));
  ready_and_wait();
  while (::access(path("go").c_str(), F_OK) != 0) sleep_ns(kPoll_ns);
  ::close(make_file("new", ""));
  alignas(inotify_event) char buffer[4096];
  bool seen = false;
  for (ssize_t got; (got = ::read(fd, buffer, sizeof buffer)) > 0;) {
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<inotify_event*>(buffer + at);
      require_equal(event->wd, watch, "the watch's number");
      seen = seen || std::string(event->name) == "new";
      at += static_cast<ssize_t>(sizeof *event + event->len);
    }
  }
  require(seen, "the event of the new file");
  return pass();
}

// SPDX-License-Identifier: Apache-2.0
//
// A pseudo-terminal inside the tree: a child has it as its controlling terminal; settings, size and data under way stay.
#include <sys/ioctl.h>
#include <termios.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const int master = static_cast<int>(must(::posix_openpt(O_RDWR | O_NOCTTY)));
  must(::grantpt(master));
  must(::unlockpt(master));
  const std::string name = ::ptsname(master);
  const winsize size{50, 132, 0, 0};
  must(::ioctl(master, TIOCSWINSZ, &size));
  const pid_t child = fork_prepared([&](auto prepared) {
    must(::setsid());
    const int terminal = static_cast<int>(must(::open(name.c_str(), O_RDWR)));
    termios settings{};
    must(::tcgetattr(terminal, &settings));
    settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    must(::tcsetattr(terminal, TCSANOW, &settings));
    prepared();
    wait_for_go();
    require_equal(::tcgetpgrp(terminal), ::getpid(), "the foreground group");
    require(::isatty(terminal) == 1 && name == ::ttyname(terminal), "its name");
    must(::tcgetattr(terminal, &settings));
    require((settings.c_lflag & ECHO) == 0, "echo is off");
    winsize now{};
    must(::ioctl(terminal, TIOCGWINSZ, &now));
    require_equal(now.ws_col, 132, "its width");
    require(read_some(terminal) == "typed\n", "what is typed after the move");
    require_equal(::write(terminal, "answer", 6), 6, "write");
    const int controlling = static_cast<int>(must(::open("/dev/tty", O_RDWR)));
    require(::isatty(controlling) == 1, "the controlling terminal");
  });

  ready_and_wait();
  require(name == ::ptsname(master), "the master's name for it");
  require_equal(::write(master, "typed\n", 6), 6, "write");
  require(read_some(master) == "answer", "what the child wrote");
  expect_exit(child);
  return pass();
}

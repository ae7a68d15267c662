// SPDX-License-Identifier: Apache-2.0
#include "lab/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <span>

#include "base/error.h"

namespace ferry::lab {

using base::SysError;

namespace {

sigset_t resize_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGWINCH);
  return set;
}

}  // namespace

bool Terminal::is_wanted() { return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0; }

Terminal::Terminal() {
  master_ = base::open_file("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
  char name[64];
  if (::unlockpt(master_.get()) < 0 || ::ptsname_r(master_.get(), name, sizeof name) != 0) {
    throw SysError("unlockpt", errno, "");
  }
  slave_ = base::open_file(name, O_RDWR | O_NOCTTY);
  const sigset_t resize = resize_signal();
  ::sigprocmask(SIG_BLOCK, &resize, nullptr);
  resized_ = base::Fd(::signalfd(-1, &resize, SFD_CLOEXEC | SFD_NONBLOCK));
  stop_ = base::Fd(::eventfd(0, EFD_CLOEXEC));
  if (!resized_ || !stop_) throw SysError("signalfd", errno, "");
  copy_size();
  if (::tcgetattr(STDIN_FILENO, &before_) < 0) throw SysError("tcgetattr", errno, "");
  termios raw = before_;
  ::cfmakeraw(&raw);
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

Terminal::~Terminal() {
  if (carrier_.joinable()) {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t put = ::write(stop_.get(), &one, sizeof one);
    carrier_.join();
  }
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

void Terminal::take_over() {
  if (::ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0) throw SysError("TIOCSCTTY", errno, "");
}

void Terminal::carry() {
  slave_.reset();  // the program's side is closed when the program closes it
  carrier_ = std::thread([this] { run(); });
}

void Terminal::copy_size() {
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ::ioctl(master_.get(), TIOCSWINSZ, &size);
}

// False at the end: every program has closed its side.
bool Terminal::copy_output() {
  char buffer[16384];
  const ssize_t got = ::read(master_.get(), buffer, sizeof buffer);
  if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
  base::write_full(STDOUT_FILENO, std::string_view(buffer, static_cast<size_t>(got)));
  return true;
}

void Terminal::run() {
  bool input = true;
  for (;;) {
    pollfd entries[4] = {{master_.get(), POLLIN, 0},
                         {input ? STDIN_FILENO : -1, POLLIN, 0},
                         {resized_.get(), POLLIN, 0},
                         {stop_.get(), POLLIN, 0}};
    if (::poll(entries, 4, -1) < 0) continue;  // EINTR
    // Output first: when it is over, what has been printed is still to be shown.
    if (entries[0].revents != 0) {
      if (!copy_output()) return;
      continue;
    }
    if (entries[3].revents != 0) return;
    if (entries[2].revents != 0) {
      signalfd_siginfo info;
      while (::read(resized_.get(), &info, sizeof info) == sizeof info) copy_size();
    }
    if (entries[1].revents != 0) {
      char typed[1024];  // fits the line discipline's own buffer of 4096
      const ssize_t got = ::read(STDIN_FILENO, typed, sizeof typed);
      input = got > 0;
      if (input && ::write(master_.get(), typed, static_cast<size_t>(got)) < 0 && errno != EAGAIN) return;
    }
  }
}

}  // namespace ferry::lab

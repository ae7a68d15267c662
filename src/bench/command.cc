// SPDX-License-Identifier: Apache-2.0
#include "bench/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/units.h"

namespace ferry::bench {

constexpr size_t kChunk = 65536;  // bytes at a time: what a pipe holds

namespace {

// Whole scripts are arguments, too.
std::string shortened(const std::string& line) {
  constexpr size_t kLongest = 100;
  const std::string first = line.substr(0, line.find('\n'));
  if (first.size() == line.size() && line.size() <= kLongest) return line;
  return first.substr(0, kLongest) + " …";
}

}  // namespace

void throw_interrupted() {
  throw base::Error({"stopped", "it was interrupted", "", {}, {}}, base::Exit::kCancelled);
}

Command::Command(const base::Argv& argv, int wake_fd)
    : what_(shortened(fmt::format("{}", fmt::join(argv, " ")))), wake_fd_(wake_fd) {
  ::signal(SIGPIPE, SIG_IGN);
  base::FdPair in = base::make_pipe(), out = base::make_pipe(), err = base::make_pipe();
  base::SpawnOptions options;
  options.stdin_fd = in.first.get();
  options.stdout_fd = out.second.get();
  options.stderr_fd = err.second.get();
  options.new_session = true;
  child_ = base::spawn(argv, options);
  input_ = std::move(in.second);
  ::fcntl(input_.get(), F_SETFL, O_NONBLOCK);
  output_ = std::move(out.first);
  errors_ = std::move(err.first);
}

// What it does not want any more is no failure: its end says what happened.
void Command::feed(std::string_view& input) {
  if (!input.empty()) {
    const ssize_t put = ::write(input_.get(), input.data(), std::min(input.size(), kChunk));
    if (put > 0) input.remove_prefix(static_cast<size_t>(put));
    if (put < 0 && errno != EAGAIN && errno != EINTR) input = {};
  }
  if (input.empty()) input_.reset();
}

void Command::drain(base::Fd& from, short events, std::string& into) {
  if (!from || events == 0) return;
  char chunk[kChunk];
  const ssize_t got = ::read(from.get(), chunk, sizeof chunk);
  if (got > 0) into.append(chunk, static_cast<size_t>(got));
  if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) from.reset();
}

base::Finished Command::finish(base::milliseconds limit, std::string_view input) {
  if (input.empty()) input_.reset();
  const auto deadline = base::mono_now() + limit;
  base::Finished result;
  while (output_ || errors_) {
    pollfd entries[4] = {{output_.get(), POLLIN, 0},
                         {errors_.get(), POLLIN, 0},
                         {wake_fd_, POLLIN, 0},
                         {input_.get(), POLLOUT, 0}};
    const int ready = ::poll(entries, 4, base::ms_until(deadline));
    if (ready < 0 && errno != EINTR) throw base::SysError("poll", errno, what_);
    if (ready < 0) continue;
    if (ready == 0) {
      throw base::Error({fmt::format("gave up waiting for: {}", what_),
                         fmt::format("it runs for more than {} ms", limit.count()),
                         "",
                         {},
                         {}});
    }
    if (entries[2].revents != 0) throw_interrupted();
    drain(output_, entries[0].revents, result.out);
    drain(errors_, entries[1].revents, result.err);
    if (input_ && entries[3].revents != 0) feed(input);
  }
  result.status = base::exit_code(child_.wait());
  return result;
}

}  // namespace ferry::bench

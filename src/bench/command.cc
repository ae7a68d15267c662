// SPDX-License-Identifier: Apache-2.0
#include "bench/command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/units.h"

namespace ferry::bench {

void throw_interrupted() {
  throw base::Error({"stopped", "it was interrupted", "", {}, {}}, base::Exit::kCancelled);
}

Command::Command(const base::Argv& argv, int wake_fd)
    : what_(fmt::format("{}", fmt::join(argv, " "))), wake_fd_(wake_fd) {
  base::FdPair in = base::make_pipe(), out = base::make_pipe(), err = base::make_pipe();
  base::SpawnOptions options;
  options.stdin_fd = in.first.get();
  options.stdout_fd = out.second.get();
  options.stderr_fd = err.second.get();
  options.new_session = true;
  child_ = base::spawn(argv, options);
  input_ = std::move(in.second);
  output_ = std::move(out.first);
  errors_ = std::move(err.first);
}

void Command::drain(base::Fd& from, short events, std::string& into) {
  if (!from || events == 0) return;
  char chunk[65536];
  const ssize_t got = ::read(from.get(), chunk, sizeof chunk);
  if (got > 0) into.append(chunk, static_cast<size_t>(got));
  if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) from.reset();
}

base::Finished Command::finish(base::milliseconds limit) {
  input_.reset();
  const auto deadline = base::mono_now() + limit;
  base::Finished result;
  while (output_ || errors_) {
    pollfd entries[3] = {
        {output_.get(), POLLIN, 0}, {errors_.get(), POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    const int ready = ::poll(entries, 3, base::ms_until(deadline));
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
  }
  result.status = base::exit_code(child_.wait());
  return result;
}

}  // namespace ferry::bench

// SPDX-License-Identifier: Apache-2.0
#include "migration/rsync.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cstdlib>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/program.h"

namespace ferry::migration {

namespace {

constexpr int kVanished = 24;  // rsync(1): some of the files have been removed meanwhile
constexpr auto kSyncPoll = base::milliseconds(2);

bool waits_for_list(Rsync::What what) {
  return what == Rsync::What::kListed || what == Rsync::What::kListedAnew;
}

base::Argv options_of(Rsync::What what) {
  switch (what) {
    case Rsync::What::kAll:
      return {"--delete"};
    case Rsync::What::kAnew:
      return {"--delete", "--ignore-times"};
    case Rsync::What::kListedAnew:
      return {"--delete-missing-args", "--ignore-times"};
    case Rsync::What::kListed:
      break;
  }
  // Not what CRIU makes for itself in a container while it dumps (mount.c): that goes again.
  return {"--recursive",
          "--delete",
          "--delete-missing-args",
          "--exclude=/tmp/cr-tmpfs.??????",
          "--exclude=/cr-tmpfs.??????",
          "--exclude=/tmp/.criu.*"};
}

// Whatever else is mounted in it is not part of it.
base::Argv command(const RsyncWay& way, Rsync::What what) {
  const char* program = std::getenv("FERRY_SSH");
  std::string ssh = program && *program ? program : "ssh";
  for (const auto& option : way.ssh_options)
    ssh += fmt::format(" {}{}", option.starts_with('-') ? "" : "-o ", base::shell_word(option));
  base::Argv argv{
      "rsync",    "-aHAXS", "--numeric-ids",          "--one-file-system", "--modify-window=-1",
      "--mkpath", "-e",     ssh + " -o BatchMode=yes"};
  const auto options = options_of(what);
  argv.insert(argv.end(), options.begin(), options.end());
  if (waits_for_list(what)) argv.insert(argv.end(), {"--from0", "--files-from=-"});
  if (way.is_file) argv.emplace_back("--inplace");  // whoever has mounted it there has this inode
  const char* slash = way.is_file ? "" : "/";
  argv.insert(argv.end(), {way.here.string() + slash, fmt::format("{}:{}{}", way.destination.text(),
                                                                  way.there.string(), slash)});
  return argv;
}

}  // namespace

Rsync::Rsync(const RsyncWay& way, What what)
    : name_(fmt::format("cannot copy {} to {}", way.here.string(), way.destination.host)) {
  base::SpawnOptions options;
  options.stderr_fd = words_.fd();
  options.new_session = true;
  // Or it would make there anew what the target takes back when it hears no more of this ferry.
  options.in_child = [] { (void)::prctl(PR_SET_PDEATHSIG, SIGKILL); };
  base::Fd theirs;
  if (waits_for_list(what)) {  // a socket: one whose other end has gone is an error, not a signal
    auto ends = base::make_socketpair(SOCK_STREAM);
    list_ = std::move(ends.first);
    theirs = std::move(ends.second);
    options.stdin_fd = theirs.get();
  }
  child_ = base::spawn(command(way, what), options);
}

bool Rsync::has_ended() {
  if (!status_ && child_) status_ = child_.try_wait();
  return status_.has_value();
}

void Rsync::give(const std::vector<std::string>& paths) {
  CHECK(list_ && left_.empty());
  for (const auto& path : paths) left_ += path + '\0';
  push();
}

// What it does not take now it takes later.
void Rsync::push() {
  while (list_ && !left_.empty()) {
    const auto sent = ::send(list_.get(), left_.data(), left_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    left_.erase(0, sent < 0 ? left_.size() : static_cast<size_t>(sent));  // gone: its end says why
  }
  list_ = {};
}

void Rsync::finish(const std::function<void()>& meanwhile, Tree tree) {
  while (!has_ended()) {
    push();
    meanwhile();
    std::this_thread::sleep_for(kSyncPoll);
  }
  const int code = base::exit_code(*status_);
  if (code == 0 || (code == kVanished && tree == Tree::kChanges)) return;
  throw base::Error(
      {name_,
       fmt::format("rsync ended with status {}: {}", code, base::one_line(words_.text())),
       "both hosts need rsync, and the target room for it",
       {},
       {}});
}

}  // namespace ferry::migration

// SPDX-License-Identifier: Apache-2.0
#include "migration/rsync.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/program.h"

namespace ferry::migration {

namespace {

constexpr int kVanished =
    24;  // rsync(1): of the files that were to be sent, some have been removed meanwhile
constexpr auto kSyncPoll = base::milliseconds(2);

bool waits_for_list(Rsync::What what) {
  return what == Rsync::What::kListed || what == Rsync::What::kListedAnew;
}

// What CRIU makes for itself in a container while it dumps (mount.c); it is gone again when the
// container goes on.
base::Argv options_of(Rsync::What what) {
  switch (what) {
    case Rsync::What::kAll:
      return {"--delete"};
    case Rsync::What::kAnew:
      return {"--delete", "--ignore-times"};
    case Rsync::What::kListedAnew:
      return {"--delete-missing-args", "--ignore-times", "--from0", "--files-from=-"};
    case Rsync::What::kListed:
      break;
  }
  return {"--recursive",
          "--delete",
          "--delete-missing-args",
          "--from0",
          "--files-from=-",
          "--exclude=/tmp/cr-tmpfs.??????",
          "--exclude=/cr-tmpfs.??????",
          "--exclude=/tmp/.criu.*"};
}

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

// Whatever else is mounted in it is not part of it.
base::Argv command(const RsyncWay& way, Rsync::What what) {
  const char* program = std::getenv("FERRY_SSH");
  std::string ssh = program && *program ? program : "ssh";
  for (const auto& option : way.ssh_options)
    ssh += fmt::format(" {}{}", option.starts_with('-') ? "" : "-o ", quoted(option));
  base::Argv argv{
      "rsync",    "-aHAXS", "--numeric-ids",          "--one-file-system", "--modify-window=-1",
      "--mkpath", "-e",     ssh + " -o BatchMode=yes"};
  const auto options = options_of(what);
  argv.insert(argv.end(), options.begin(), options.end());
  if (way.is_file) argv.emplace_back("--inplace");  // whoever has mounted it there has this inode
  const char* slash = way.is_file ? "" : "/";
  argv.insert(argv.end(), {way.here.string() + slash, fmt::format("{}:{}{}", way.destination.text(),
                                                                  way.there.string(), slash)});
  return argv;
}

base::Fd memory_file() {
  base::Fd file(::memfd_create("ferry-rsync", MFD_CLOEXEC));
  if (!file) throw base::SysError("memfd_create", errno, "");
  return file;
}

}  // namespace

Rsync::Rsync(const RsyncWay& way, What what)
    : name_(fmt::format("cannot copy {} to {}", way.here.string(), way.destination.host)),
      words_(memory_file()) {
  base::SpawnOptions options;
  options.stderr_fd = words_.get();
  options.new_session = true;
  // Or it would make there anew what the target takes back when it hears no more of this ferry.
  options.in_child = [] { (void)::prctl(PR_SET_PDEATHSIG, SIGKILL); };
  base::Fd theirs;
  if (waits_for_list(what)) {  // a socket: one whose other end has gone is an error, not a signal
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
      throw base::SysError("socketpair", errno, "");
    list_ = base::Fd(ends[0]);
    theirs = base::Fd(ends[1]);
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
  const auto words =
      base::try_read_file(fmt::format("/proc/self/fd/{}", words_.get())).value_or("");
  throw base::Error({name_,
                     fmt::format("rsync ended with status {}: {}", code, base::one_line(words)),
                     "both hosts need rsync, and the target room for it",
                     {},
                     {}});
}

}  // namespace ferry::migration

// SPDX-License-Identifier: Apache-2.0
//
// The process that does it: forked twice, so that nobody has to wait for it (where a frozen cgroup holds the task in
// mid-call it waits for the thaw, and then finishes), in a session of its own, deaf to all signals, holding nothing of
// the caller's but the socket that the answer goes through.
#include "kernel/injection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>

#include "base/error.h"
#include "base/fd_message.h"
#include "kernel/procfs.h"
#include "kernel/stopped_task.h"
#include "kernel/uapi.h"

#include <linux/userfaultfd.h>

namespace ferry::kernel {
namespace {

// How much longer than the task may take to stop we wait for the answer.
constexpr std::chrono::milliseconds kAnswerGrace{2000};
constexpr int kSocket = 3;

struct Answer {
  Injected outcome = Injected::kGone;
  int error = 0;
  double stopped_ms = 0;
  char why[200] = "";
};

void send_answer(const Injection& result, int descriptor) {
  Answer answer{result.outcome, result.error, result.stopped_ms, ""};
  result.why.copy(answer.why, sizeof(answer.why) - 1);
  const std::string_view bytes(reinterpret_cast<const char*>(&answer), sizeof(answer));
  try {
    base::send_message(kSocket, bytes, descriptor >= 0 ? std::vector{descriptor} : std::vector<int>{});
  } catch (const base::SysError&) {
    // Nobody may be there any more.
  }
}

UserfaultfdMade receive_answer(int socket, std::chrono::milliseconds limit) {
  UserfaultfdMade result;
  const auto ended_early = [&](const char* why) {
    result.outcome = Injected::kBusy;
    result.why = why;
    return std::move(result);
  };
  if (!base::wait_readable(socket, static_cast<int>(limit.count()))) return ended_early("it is held in the middle (frozen?)");
  auto message = base::receive_message(socket);
  Answer answer;
  if (message.bytes.size() != sizeof(answer)) return ended_early("the process that does it was killed");
  std::memcpy(&answer, message.bytes.data(), sizeof(answer));
  result.outcome = answer.outcome;
  result.error = answer.error;
  result.stopped_ms = answer.stopped_ms;
  result.why = answer.why;
  if (!message.fds.empty()) result.fd = std::move(message.fds.front());
  return result;
}

// Between fork and the work: nothing of the caller's is kept.
void become_alone(int socket) {
  ::setsid();
  ::signal(SIGCHLD, SIG_DFL);  // ignored, it would not be queued
  ::prctl(PR_SET_NAME, "ferry-inject");
  ::setpriority(PRIO_PROCESS, 0, -20);  // the task stands still until our turn comes; not allowed to all
  if (socket != kSocket) ::dup2(socket, kSocket);
  ::close_range(kSocket + 1, ~0U, 0);
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < kSocket && nowhere >= 0; ++fd) ::dup2(nowhere, fd);
}

using Work = std::function<void()>;

UserfaultfdMade in_a_process_of_its_own(std::chrono::milliseconds limit, const Work& work) {
  base::FdPair sockets = base::make_socketpair(SOCK_SEQPACKET);
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // before the fork: no signal may find it unprepared
  const pid_t first = ::fork();
  if (first == 0) {
    if (::fork() == 0) {
      become_alone(sockets.second.get());
      try {
        work();
      } catch (const std::exception& error) {
        send_answer({Injected::kRefused, 0, error.what(), 0}, -1);
      }
    }
    ::_exit(0);
  }
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (first < 0) throw base::SysError("fork", error, "");
  while (::waitpid(first, nullptr, 0) < 0 && errno == EINTR) {
  }
  sockets.second.reset();
  UserfaultfdMade result = receive_answer(sockets.first.get(), limit + kAnswerGrace);
  // Its end: then we hold the only copy of the descriptor, and closing it has its effect at once.
  static_cast<void>(base::wait_readable(sockets.first.get(), static_cast<int>(kAnswerGrace.count())));
  return result;
}

// Of the thread that made it; its table need not be that of the process's first thread.
base::Fd fetch(pid_t tid, pid_t pid, int descriptor) {
  const unsigned flags = tid == pid ? 0 : kPidfdThread;
  const base::Fd task(static_cast<int>(::syscall(SYS_pidfd_open, tid, flags)));
  if (!task) return {};
  return base::Fd(static_cast<int>(::syscall(SYS_pidfd_getfd, task.get(), descriptor, 0)));
}

Injection refused(const char* what, int error) {
  return {Injected::kRefused, error, fmt::format("{}: {}", what, std::strerror(error)), 0};
}

void make_and_send(pid_t pid, std::chrono::milliseconds limit) {
  Injection result;
  base::Fd fetched;
  {
    StoppedTask task(pid, limit);
    result = task.outcome();
    if (result.outcome != Injected::kDone) return send_answer(result, -1);
    constexpr unsigned long kFlags = O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY;
    const auto made = task.call({SYS_userfaultfd, {kFlags}});
    if (!made) {
      result = {Injected::kGone, 0, fmt::format("process {} has ended", pid), 0};
    } else if (*made < 0) {
      result = refused("userfaultfd", static_cast<int>(-*made));
    } else {
      fetched = fetch(task.caller(), pid, static_cast<int>(*made));
      if (!fetched) result = refused("pidfd_getfd", errno);
      static_cast<void>(task.call({SYS_close, {static_cast<unsigned long>(*made)}}));
    }
    task.let_go();
    result.stopped_ms = task.outcome().stopped_ms;
  }
  send_answer(result, fetched.get());
}

void close_and_send(pid_t pid, const std::vector<int>& descriptors, std::chrono::milliseconds limit) {
  StoppedTask task(pid, limit);
  Injection result = task.outcome();
  for (const int descriptor : descriptors) {
    if (result.outcome != Injected::kDone) break;
    const auto closed = task.call({SYS_close, {static_cast<unsigned long>(descriptor)}});
    if (!closed) result = {Injected::kGone, 0, fmt::format("process {} has ended", pid), 0};
  }
  task.let_go();
  result.stopped_ms = task.outcome().stopped_ms;
  send_answer(result, -1);
}

}  // namespace

const char* to_string(Injected outcome) {
  switch (outcome) {
    case Injected::kDone: return "done";
    case Injected::kGone: return "gone";
    case Injected::kTraced: return "traced";
    case Injected::kBusy: return "busy";
    case Injected::kForbidden: return "forbidden";
    case Injected::kForeign: return "foreign";
    case Injected::kRefused: return "refused";
  }
  return "?";
}

UserfaultfdMade make_userfaultfd(pid_t pid, std::chrono::milliseconds stop_limit) {
  return in_a_process_of_its_own(stop_limit, [&] { make_and_send(pid, stop_limit); });
}

Injection close_in(pid_t pid, const std::vector<int>& descriptors, std::chrono::milliseconds stop_limit) {
  return in_a_process_of_its_own(stop_limit, [&] { close_and_send(pid, descriptors, stop_limit); });
}

}  // namespace ferry::kernel

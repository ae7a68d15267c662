// SPDX-License-Identifier: Apache-2.0
#include "criu/lazy_pages_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "criu/work_socket.h"

namespace ferry::criu {
namespace {

constexpr const char* kName = "lazy-pages.socket";
constexpr int32_t kRestoreFinished = 0x52535446;  // LAZY_PAGES_RESTORE_FINISHED

void want_credentials(int socket) {
  const int on = 1;
  if (::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) {
    throw base::SysError("setsockopt", errno, "SO_PASSCRED");
  }
}

}  // namespace

// Who sends is the restored task: its pid in our namespace comes with every message. Also with those
// that come before we have accepted the connection.
base::Fd listen_lazy_pages(const base::Path& work_directory) {
  return listen_in(work_directory, kName, SOCK_STREAM, 1, want_credentials);
}

// The kernel writes to it, wherever the filler is killed. Zero: not received.
struct LazyPagesSocket::Received {
  static constexpr size_t kControlBytes = CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int)) + 32;
  int32_t connection_plus_one;
  int32_t pid;
  uint32_t finished;
  char byte;
  alignas(cmsghdr) char control[kControlBytes];  // of the byte

  int connection() const { return connection_plus_one - 1; }
};

LazyPagesSocket::LazyPagesSocket(int listener, memory::Keepsake& keepsake)
    : listener_(listener), received_(reinterpret_cast<Received&>(keepsake)) {
  static_assert(sizeof(Received) <= sizeof(memory::Keepsake));
  if (received_.connection_plus_one == 0) find_lost_connection();
}

// Accepted by a filler that was killed before it could note the number.
void LazyPagesSocket::find_lost_connection() {
  sockaddr_un ours{};
  socklen_t our_length = sizeof ours;
  if (::getsockname(listener_, reinterpret_cast<sockaddr*>(&ours), &our_length) < 0) return;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::atoi(entry.path().filename().c_str());
    sockaddr_un its{};
    socklen_t length = sizeof its;
    if (fd == listener_ || ::getsockname(fd, reinterpret_cast<sockaddr*>(&its), &length) < 0)
      continue;
    if (length != our_length || std::memcmp(&ours, &its, length) != 0) continue;
    received_.connection_plus_one = fd + 1;
    return;
  }
}

std::vector<int> LazyPagesSocket::descriptors() const {
  if (finished()) return {};
  return {received_.connection_plus_one == 0 ? listener_ : received_.connection()};
}

bool LazyPagesSocket::finished() const { return received_.finished != 0; }

std::optional<memory::Arrival> LazyPagesSocket::next() {
  if (finished()) return std::nullopt;
  if (received_.connection_plus_one == 0) {
    received_.connection_plus_one =
        ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK) + 1;
    if (received_.connection_plus_one == 0) return std::nullopt;
    want_credentials(received_.connection());
  }
  for (;;) {
    if (received_.pid == 0 && !receive_pid()) return std::nullopt;
    if (received_.pid == kRestoreFinished) {
      finish();
      return std::nullopt;
    }
    if (received_.pid > 0) break;
    received_.pid = 0;  // a zombie has no memory
  }
  auto arrival = as_arrival();
  if (!arrival && receive_byte()) arrival = as_arrival();
  return arrival;
}

void LazyPagesSocket::taken() {
  std::memset(received_.control, 0, sizeof received_.control);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  received_.pid = 0;
}

bool LazyPagesSocket::receive_pid() {
  const ssize_t got = ::recv(received_.connection(), &received_.pid, sizeof received_.pid, 0);
  if (got == sizeof received_.pid) return true;
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  finish();  // CRIU has gone
  return false;
}

bool LazyPagesSocket::receive_byte() {
  iovec byte{&received_.byte, 1};
  msghdr message{};
  message.msg_iov = &byte;
  message.msg_iovlen = 1;
  message.msg_control = received_.control;
  message.msg_controllen = sizeof received_.control;
  const ssize_t got = ::recvmsg(received_.connection(), &message, MSG_CMSG_CLOEXEC);
  if (got == 1) return true;
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  finish();
  return false;
}

// Nothing: the byte with the descriptor has not come yet.
std::optional<memory::Arrival> LazyPagesSocket::as_arrival() const {
  msghdr message{};
  message.msg_control = received_.control;
  message.msg_controllen = sizeof received_.control;
  memory::Arrival arrival{received_.pid, 0, -1};
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr && part->cmsg_len != 0;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    if (part->cmsg_type == SCM_CREDENTIALS) {
      ucred sender{};
      std::memcpy(&sender, CMSG_DATA(part), sizeof sender);
      arrival.host_pid = sender.pid;
    } else if (part->cmsg_type == SCM_RIGHTS) {
      std::memcpy(&arrival.uffd, CMSG_DATA(part), sizeof arrival.uffd);
    }
  }
  if (arrival.uffd < 0) return std::nullopt;
  return arrival;
}

void LazyPagesSocket::finish() {
  // Not closed: this is the second word about it, and a number that is closed can come again.
  received_.finished = 1;
  ::shutdown(received_.connection(), SHUT_RDWR);
}

}  // namespace ferry::criu

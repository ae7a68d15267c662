// SPDX-License-Identifier: Apache-2.0
#include "kernel/netlink_message.h"

#include <netlink/socket.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace ferry::kernel {

using base::SysError;

namespace {

constexpr size_t kReceiveBytes = 256 << 10;  // the kernel fills at most 32 KiB per message of a list today
constexpr int kDumpAttempts = 20;            // a list that was interrupted by a change is asked for again

Outcome receive(nl_sock* socket, uint32_t sequence, const OnReply& on_reply) {
  // Not zeroed: an answer is mostly one page of it, and requests are made while a workload is frozen.
  const auto buffer = std::make_unique_for_overwrite<char[]>(kReceiveBytes);
  Outcome outcome;
  for (;;) {
    const ssize_t got = ::recv(nl_socket_get_fd(socket), buffer.get(), kReceiveBytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {errno, false};
    int left = static_cast<int>(got);
    for (auto* head = reinterpret_cast<nlmsghdr*>(buffer.get()); nlmsg_ok(head, left);
         head = nlmsg_next(head, &left)) {
      if (head->nlmsg_seq != sequence) continue;
      if (head->nlmsg_flags & NLM_F_DUMP_INTR) outcome.interrupted = true;
      if (head->nlmsg_type == NLMSG_ERROR) {
        outcome.error = -static_cast<nlmsgerr*>(nlmsg_data(head))->error;
        return outcome;
      }
      if (head->nlmsg_type == NLMSG_DONE) return outcome;
      if (on_reply) on_reply(head);
    }
  }
}

}  // namespace

std::optional<IpAddr> address_in(const nlattr* attribute) {
  if (attribute == nullptr) return std::nullopt;
  const int size = nla_len(attribute);
  if (size != 4 && size != 16) return std::nullopt;
  IpAddr address;
  address.size = static_cast<uint8_t>(size);
  std::copy_n(static_cast<const uint8_t*>(nla_data(attribute)), size, address.bytes.begin());
  return address;
}

void connect_netlink(nl_sock* socket, int family) {
  CHECK(socket != nullptr);
  if (const int error = nl_connect(socket, family); error < 0) {
    throw base::SysError("netlink", EIO, nl_geterror(error));
  }
}

Outcome exchange(nl_sock* socket, Message& message, const OnReply& on_reply) {
  const int sent = nl_send_auto(socket, message.get());
  if (sent < 0) throw SysError("netlink", EIO, nl_geterror(sent));
  return receive(socket, nlmsg_hdr(message.get())->nlmsg_seq, on_reply);
}

void request(nl_sock* socket, Message& message, std::string_view what) {
  if (const int error = exchange(socket, message).error) throw SysError("netlink", error, what);
}

void dump(const std::function<Outcome()>& ask, const std::function<void()>& restart, std::string_view what) {
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    restart();
    const Outcome outcome = ask();
    if (outcome.error != 0) throw SysError("netlink", outcome.error, what);
    if (!outcome.interrupted) return;
  }
  throw SysError("netlink", EAGAIN, what);
}

}  // namespace ferry::kernel

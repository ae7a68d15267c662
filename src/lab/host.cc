// SPDX-License-Identifier: Apache-2.0
#include "lab/host.h"

#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "kernel/namespaces.h"
#include "lab/host_init.h"
#include "lab/life.h"
#include "lab/message.h"

namespace ferry::lab {

using base::SysError;

namespace {

constexpr int kStepLimit_ms = 180'000;  // half a second on an idle machine; a busy or emulated one copies large layers slowly

// While it lives, our next child gets pid and time namespaces of its own. Afterwards everything is as before: threads
// cannot be made in between.
class NewForChild {
 public:
  explicit NewForChild(const kernel::TimeOffsets& clocks)
      : own_pid_(kernel::open_namespace(::getpid(), "pid")), own_time_(kernel::open_namespace(::getpid(), "time")) {
    if (::unshare(CLONE_NEWPID | CLONE_NEWTIME) < 0) throw SysError("unshare", errno, "pid and time");
    kernel::set_child_time_offsets(clocks);
  }
  ~NewForChild() {
    // Neither can fail: both are the namespaces we are in.
    CHECK(::setns(own_pid_.get(), CLONE_NEWPID) == 0);
    CHECK(::setns(own_time_.get(), CLONE_NEWTIME) == 0);
  }
  NewForChild(const NewForChild&) = delete;
  NewForChild& operator=(const NewForChild&) = delete;

 private:
  base::Fd own_pid_, own_time_;
};

}  // namespace

Host::Host(const HostPlan& plan) : name_(plan.name) {
  base::FdPair channel = base::make_socketpair(SOCK_SEQPACKET);
  const LifeTie tie;
  const NewForChild namespaces(host_clocks(plan.index));
  const pid_t pid = ::fork();
  if (pid < 0) throw SysError("fork", errno, plan.name);
  if (pid == 0) run_host_init(plan, tie, std::move(channel.second));
  init_ = base::Child(pid);
  channel_ = std::move(channel.first);
}

void Host::wait_for_namespaces() { receive_message(channel_.get(), kStepLimit_ms, name_); }

Host::Keys Host::wait_for_keys() {
  const Json message = receive_message(channel_.get(), kStepLimit_ms, name_);
  return {message.at("host_key"), {message.at("user_key"), message.at("user_public_key")}};
}

void Host::tell(const std::vector<KnownHost>& hosts, const KeyPair& user_key) {
  Json list = Json::array();
  for (const auto& host : hosts) {
    list.push_back({{"name", host.name}, {"address", host.address}, {"key", host.public_key}});
  }
  send_message(channel_.get(),
               {{"hosts", list}, {"user_key", user_key.private_key}, {"user_public_key", user_key.public_key}});
}

void Host::wait_until_up() {
  receive_message(channel_.get(), kStepLimit_ms, name_);
  channel_.reset();
}

}  // namespace ferry::lab

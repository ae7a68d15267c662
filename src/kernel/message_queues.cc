// SPDX-License-Identifier: Apache-2.0
#include "kernel/message_queues.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>

#include <exception>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/fd.h"

namespace ferry::kernel {
namespace {

using base::SysError;

// The queues are a filesystem: mounted nowhere, for this look alone.
std::vector<std::string> list_here() {
  const base::Fd context(::fsopen("mqueue", FSOPEN_CLOEXEC));
  if (!context) {
    if (errno == ENODEV) return {};  // a kernel without them
    throw SysError("fsopen", errno, "mqueue");
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) throw SysError("fsconfig", errno, "mqueue");
  const base::Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mount) throw SysError("fsmount", errno, "mqueue");
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/self/fd/{}/", mount.get()))) {
    names.push_back("/" + entry.path().filename().string());
  }
  return names;
}

}  // namespace

std::vector<std::string> message_queues(int ipc_fd) {
  std::vector<std::string> names;
  std::exception_ptr failure;
  std::thread([&] {
    try {
      if (::setns(ipc_fd, CLONE_NEWIPC) < 0) throw SysError("setns", errno, "ipc");
      names = list_here();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  return names;
}

}  // namespace ferry::kernel

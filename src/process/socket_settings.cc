// SPDX-License-Identifier: Apache-2.0
#include "process/socket_settings.h"

#include <fmt/format.h>

#include "kernel/namespaces.h"

namespace ferry::process {

SocketSurvey::SocketSurvey(const Tree& tree) {
  kernel::in_network_namespace(kernel::open_namespace(tree.root, "net").get(), [this] { options_.emplace(); });
  for (const pid_t pid : tree.pids) {
    for_each_socket(pid, [this](int, int socket, const kernel::SocketKind& kind) { options_->note_uses(socket, kind); });
  }
}

std::vector<SocketSettings> SocketSurvey::read(const Tree& tree) {
  seen_.clear();
  std::vector<SocketSettings> found;
  for (const pid_t pid : tree.pids) {
    const size_t before = found.size();
    for_each_socket(pid, [&](int fd, int socket, const kernel::SocketKind& kind) {
      auto options = options_->differences_of(socket, kind);
      if (!options.empty()) found.push_back({0, fd, std::move(options)});
    });
    if (found.size() == before) continue;
    const pid_t inner = kernel::inner_pid(pid).value_or(0);
    for (size_t i = before; i < found.size(); ++i) found[i].pid = inner;
  }
  return found;
}

void SocketSurvey::for_each_socket(pid_t pid, const std::function<void(int, int, const kernel::SocketKind&)>& act) {
  const kernel::TaskFds files(pid);
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid), gone)) {
    std::error_code closed;
    const auto target = std::filesystem::read_symlink(entry.path(), closed).string();
    if (closed || !target.starts_with("socket:") || !seen_.insert(target).second) continue;
    const auto known = kinds_.find(target);
    if (known != kinds_.end() && !known->second) continue;
    const int fd = std::stoi(entry.path().filename().string());
    const base::Fd socket = files.copy(fd);
    if (!socket) continue;
    const Kind kind = known != kinds_.end() ? known->second : kernel::SocketOptions::kind_of(socket.get());
    kinds_[target] = kind;
    if (kind) act(fd, socket.get(), *kind);
  }
}

bool apply(const SocketSettings& settings, const kernel::TaskFds& files) {
  const base::Fd socket = files.copy(settings.fd);
  if (!socket) return false;
  bool all = true;
  for (const auto& option : settings.options) all &= kernel::set_socket_option(socket.get(), option);
  return all;
}

}  // namespace ferry::process

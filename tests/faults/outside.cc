// SPDX-License-Identifier: Apache-2.0
#include "faults/outside.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "kernel/namespaces.h"

namespace ferry::faults {
namespace {

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\0', start), text.size());
    words.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

// "PID (COMM) STATE PARENT …"
struct Stat {
  std::string comm;
  char state = '?';
  pid_t parent = 0;
};
std::optional<Stat> stat_of(pid_t pid) {
  const auto text = base::try_read_file(fmt::format("/proc/{}/stat", pid));
  if (!text) return std::nullopt;
  const auto open = text->find('('), close = text->rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 4 > text->size()) return std::nullopt;
  return Stat{text->substr(open + 1, close - open - 1), (*text)[close + 2], std::atoi(text->c_str() + close + 4)};
}

// "exe": started as /proc/self/exe.
bool is_ferry(const std::string& comm) { return comm.starts_with("ferry") || comm == "exe"; }

std::optional<Role> role_in_ferry(const std::vector<std::string>& argv) {
  if (argv.size() < 2) return std::nullopt;
  const std::string& verb = argv[1];
  if (verb == "capsule-init") return Role::kInit;
  if (verb == "move") return Role::kMove;
  if (verb == "receive") return Role::kReceive;
  if (verb == "guard") return Role::kGuard;
  if (verb == "fill") return Role::kFill;  // filler and guardian hold the workload's memory: they share its fate
  return Role::kOtherFerry;
}

bool runs_criu(pid_t pid) {
  std::error_code gone;
  const std::string program = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), gone).string();
  return program.find("/criu/") != std::string::npos || program.ends_with("/criu");
}

std::optional<Role> role_of(pid_t pid, const Stat& stat) {
  const bool of_python = stat.comm.starts_with("python"), of_ferry = is_ferry(stat.comm);
  if (of_python || of_ferry) {
    const auto argv = words_of(base::try_read_file(fmt::format("/proc/{}/cmdline", pid)).value_or(""));
    if (of_ferry) return role_in_ferry(argv);
    const bool census = std::ranges::any_of(argv, [](const auto& word) { return word.ends_with("/census.py"); });
    return census ? std::optional(Role::kCensus) : std::nullopt;
  }
  if (stat.comm == "workload-twin") return Role::kTwin;
  // Run by its own loader, whose name it may bear; its children have the same program, but not ferry as their parent.
  if (!runs_criu(pid)) return std::nullopt;
  const auto parent = stat_of(stat.parent);
  const bool ours = !parent || is_ferry(parent->comm) || !runs_criu(stat.parent);
  return ours ? std::optional(Role::kCriu) : std::nullopt;
}

}  // namespace

Outside::Outside(const testing::Lab& lab) {
  const auto state = nlohmann::json::parse(lab.state_json()).at(0);
  for (const auto& host : state.at("hosts")) {
    const pid_t init = host.at("init").at("pid");
    inits_[host.at("name")] = init;
    hosts_[kernel::namespace_id(init, "uts")] = host.at("name");
  }
}

std::vector<Task> Outside::tasks() const {
  std::vector<Task> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    const auto stat = stat_of(pid);
    if (!stat || stat->state == 'Z' || stat->state == 'X') continue;
    const auto role = role_of(pid, *stat);
    if (!role) continue;
    const auto host = hosts_.find(kernel::namespace_id(pid, "uts"));
    const auto process = kernel::find_process(pid);
    if (host != hosts_.end() && process) found.push_back({host->second, *role, *process, stat->state});
  }
  return found;
}

base::Path Outside::root_of(const std::string& host) const { return fmt::format("/proc/{}/root", inits_.at(host)); }

void Outside::in_network_of(const std::string& host, const std::function<void(kernel::Netlink&)>& work) const {
  const auto network = kernel::open_namespace(inits_.at(host), "net");
  kernel::in_network_namespace(network.get(), [&] {
    kernel::Netlink netlink;
    work(netlink);
  });
}

}  // namespace ferry::faults

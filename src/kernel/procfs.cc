// SPDX-License-Identifier: Apache-2.0
#include "kernel/procfs.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <thread>

namespace ferry::kernel {
namespace {

std::string proc_path(pid_t pid, const std::string& file) { return fmt::format("/proc/{}/{}", pid, file); }

// The fields of /proc/PID/stat from the third on; the second (comm) may hold spaces and brackets.
std::optional<std::vector<std::string>> stat_fields(pid_t pid) {
  const auto text = base::try_read_file(proc_path(pid, "stat"));
  if (!text) return std::nullopt;
  const auto end_of_comm = text->rfind(')');
  if (end_of_comm == std::string::npos) return std::nullopt;
  std::istringstream rest(text->substr(end_of_comm + 1));
  std::vector<std::string> fields;
  for (std::string word; rest >> word;) fields.push_back(word);
  if (fields.size() < 20) return std::nullopt;
  return fields;
}

constexpr size_t kState = 0, kParent = 1, kSession = 3, kFlags = 6, kStartTicks = 19;
constexpr unsigned long kExiting = 0x4;  // PF_EXITING, include/linux/sched.h

}  // namespace

std::optional<ProcessId> find_process(pid_t pid) {
  const auto fields = stat_fields(pid);
  if (!fields) return std::nullopt;
  return ProcessId{pid, std::stoull((*fields)[kStartTicks])};
}

bool is_alive(const ProcessId& id) {
  const auto fields = stat_fields(id.pid);
  return fields && std::stoull((*fields)[kStartTicks]) == id.start_ticks && (*fields)[kState] != "Z" &&
         (*fields)[kState] != "X";
}

bool is_ending(pid_t pid) {
  const auto fields = stat_fields(pid);
  return !fields || (std::stoul((*fields)[kFlags]) & kExiting) != 0;
}

bool ends_within(const ProcessId& id, base::nanoseconds limit) {
  constexpr auto kLook = std::chrono::milliseconds(1);
  for (const auto deadline = base::mono_now() + limit; is_alive(id);) {
    if (base::mono_now() > deadline) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

bool signal_process(const ProcessId& id, int number) {
  // The pidfd is taken first, then the identity is checked: no other process can slip in between.
  const base::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, id.pid, 0)));
  if (!pidfd || !is_alive(id)) return false;
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) == 0;
}

std::optional<char> task_state(pid_t pid) {
  const auto fields = stat_fields(pid);
  if (!fields) return std::nullopt;
  return (*fields)[kState][0];
}

std::vector<pid_t> threads_of(pid_t pid) {
  std::vector<pid_t> tids;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator(proc_path(pid, "task"), gone)) {
    tids.push_back(std::stoi(entry.path().filename().string()));
  }
  std::ranges::sort(tids);
  return tids;
}

// "NUMBER ARGUMENTS… SP PC", "-1 SP PC" or "running".
std::optional<CurrentCall> current_call(pid_t pid, pid_t tid) {
  const auto text = base::try_read_file(proc_path(pid, fmt::format("task/{}/syscall", tid)));
  if (!text) return std::nullopt;
  std::istringstream in(*text);
  CurrentCall call;
  if (!(in >> call.number)) return std::nullopt;
  in >> std::hex;
  if (call.number >= 0) {
    for (uint64_t& argument : call.arguments) in >> argument;
  }
  if (!(in >> call.stack_pointer)) return std::nullopt;
  return call;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  for (const pid_t tid : threads_of(pid)) {
    const auto text = base::try_read_file(proc_path(pid, fmt::format("task/{}/children", tid)));
    if (!text) continue;
    std::istringstream words(*text);
    for (pid_t child; words >> child;) children.push_back(child);
  }
  return children;
}

std::string comm_of(pid_t pid) {
  auto text = base::try_read_file(proc_path(pid, "comm")).value_or("");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string command_of(pid_t pid) {
  auto text = base::try_read_file(proc_path(pid, "cmdline")).value_or("");
  while (!text.empty() && text.back() == '\0') text.pop_back();
  if (text.empty()) return "[" + comm_of(pid) + "]";
  std::ranges::replace(text, '\0', ' ');
  return text;
}

std::vector<std::string> arguments_of(pid_t pid) {
  std::istringstream text(base::try_read_file(proc_path(pid, "cmdline")).value_or(""));
  std::vector<std::string> words;
  for (std::string word; std::getline(text, word, '\0');) words.push_back(word);
  return words;
}

std::optional<pid_t> parent_of(pid_t pid) {
  const auto fields = stat_fields(pid);
  if (!fields) return std::nullopt;
  return std::stoi((*fields)[kParent]);
}

std::optional<pid_t> session_of(pid_t pid) {
  const auto fields = stat_fields(pid);
  if (!fields) return std::nullopt;
  return std::stoi((*fields)[kSession]);
}

std::optional<std::string> status_field(pid_t pid, const std::string& name) {
  return field_in(base::try_read_file(proc_path(pid, "status")).value_or(""), name);
}

std::optional<std::string> field_in(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name + ":")) continue;
    const auto value = line.find_first_not_of(" \t", name.size() + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return std::nullopt;
}

std::optional<pid_t> inner_pid(pid_t pid) {
  const auto numbers = status_field(pid, "NSpid");
  if (!numbers) return std::nullopt;
  const auto last = numbers->find_last_of(" \t");
  return std::stoi(last == std::string::npos ? *numbers : numbers->substr(last + 1));
}

uint64_t resident_bytes(pid_t pid) {
  uint64_t kib = 0;
  for (const char* name : {"RssAnon", "RssShmem"}) {
    if (const auto value = status_field(pid, name)) kib += std::stoull(*value);
  }
  return kib * 1024;
}

std::vector<OpenFile> open_files(pid_t pid) {
  std::vector<OpenFile> files;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator(proc_path(pid, "fd"), gone)) {
    std::error_code error;
    OpenFile file;
    file.fd = std::stoi(entry.path().filename().string());
    file.target = std::filesystem::read_symlink(entry.path(), error).string();
    if (error) continue;
    const auto info = base::try_read_file(proc_path(pid, fmt::format("fdinfo/{}", file.fd)));
    if (info) {
      const auto flags = info->find("flags:");
      if (flags != std::string::npos) file.flags = std::stoull(info->substr(flags + 6), nullptr, 8);
    }
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace ferry::kernel

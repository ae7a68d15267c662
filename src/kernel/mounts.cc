// SPDX-License-Identifier: Apache-2.0
#include "kernel/mounts.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <cstdio>
#include <sstream>

namespace ferry::kernel {
namespace {

// Space, tab, newline and backslash are written as \ooo (fs/proc_namespace.c).
std::string unescaped(const std::string& text) {
  constexpr size_t kDigits = 3;
  std::string plain;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool is_escaped = text[at] == '\\' && at + kDigits < text.size();
    plain += is_escaped ? static_cast<char>(std::stoi(text.substr(at + 1, kDigits), nullptr, 8))
                        : text[at];
    if (is_escaped) at += kDigits;
  }
  return plain;
}

// "31 23 0:28 ROOT POINT options … - TYPE source SUPEROPTIONS".
std::vector<Mount> parse_mounts(const std::string& text) {
  std::vector<Mount> mounts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream before(line.substr(0, dash)), after(line.substr(dash + 3));
    Mount mount;
    std::string parent, device, root, point, source, options;
    before >> mount.id >> parent >> device >> root >> point;
    after >> mount.type >> source >> options;
    unsigned device_major = 0, device_minor = 0;
    if (std::sscanf(device.c_str(), "%u:%u", &device_major, &device_minor) != 2) continue;
    mount.device = makedev(device_major, device_minor);
    mount.root = unescaped(root);
    mount.point = unescaped(point);
    std::istringstream words(options);
    for (std::string word; std::getline(words, word, ',');) mount.options.insert(word);
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

}  // namespace

std::vector<Mount> mounts_of(pid_t pid) {
  return parse_mounts(base::try_read_file(fmt::format("/proc/{}/mountinfo", pid)).value_or(""));
}

std::vector<Mount> own_mounts() {
  return parse_mounts(base::try_read_file("/proc/self/mountinfo").value_or(""));
}

}  // namespace ferry::kernel

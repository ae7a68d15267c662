// SPDX-License-Identifier: Apache-2.0
#include "process/connections.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/fd.h"

namespace ferry::process {

namespace {

// include/net/tcp_states.h; the others have neither a peer nor data that anyone waits for.
bool is_connected(const std::string& state) {
  return state == "01" || state == "08";  // ESTABLISHED, CLOSE_WAIT
}

// In hex, each word of 4 bytes in the machine's order: 127/8, ::1, ::ffff:127/104.
bool is_loopback(const std::string& address) {
  if (address.size() == 8) return address.ends_with("7F");
  if (address.starts_with("0000000000000000FFFF0000")) return address.ends_with("7F");
  return address == "00000000000000000000000001000000";
}

}  // namespace

std::vector<ino_t> connected_inodes(const std::string& table) {
  std::vector<ino_t> inodes;
  std::istringstream lines(table);
  std::string line;
  std::getline(lines, line);  // headings
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retries;
    uint64_t uid = 0, timeout = 0;
    ino_t inode = 0;
    fields >> slot >> local >> remote >> state >> queues >> timer >> retries >> uid >> timeout >> inode;
    if (!fields || !is_connected(state)) continue;
    if (!is_loopback(local.substr(0, local.find(':')))) inodes.push_back(inode);
  }
  return inodes;
}

int count_connections(const View& view) {
  int count = 0;
  for (const char* table : {"tcp", "tcp6"}) {
    const auto text = base::try_read_file(fmt::format("/proc/{}/net/{}", view.root().pid, table));
    for (const ino_t inode : connected_inodes(text.value_or(""))) {
      const bool held = std::ranges::any_of(view.tasks, [inode](const Task& task) {
        return std::ranges::any_of(task.files, [inode](const Descriptor& file) {
          return S_ISSOCK(file.status.st_mode) && file.status.st_ino == inode;
        });
      });
      count += held ? 1 : 0;
    }
  }
  return count;
}

}  // namespace ferry::process

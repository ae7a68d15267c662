// SPDX-License-Identifier: Apache-2.0
//
// What a lab shall look like, as asked for on the command line, and everything that follows from a host's position
// in the list: its address, its MAC, its clocks. The same request gives the same lab.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "kernel/namespaces.h"
#include "kernel/netlink.h"

namespace ferry::lab {

inline constexpr size_t kMostHosts = 8;  // 10.77.0.9 (fd00:77::9) and above are for the workloads' service addresses

struct LabSpec {
  std::string name = "default";
  std::vector<std::string> hosts{"east", "west", "client"};
  uint64_t rate_bytes_per_second = 0;   // of each host's link, each direction; 0: as fast as it goes
  std::chrono::nanoseconds delay{0};    // of one crossing of one link: a round trip between two hosts has four
  std::vector<base::Path> layers;       // laid over the machine's root, the first one on top
  std::map<std::string, std::vector<base::Path>> own_layers;  // of some hosts, on top of those
  std::vector<std::string> without_ferry;
  base::Path working_directory;         // shall exist in the hosts, too
};

// Throws Error on names, layers or numbers that cannot be.
void check_spec(const LabSpec& spec);
// Letters, digits and dashes: it becomes part of paths, of a host name and of cgroup names.
void check_name(const std::string& name, const char* of_what);

// All that are laid over the machine's root in that host, the first one on top.
std::vector<base::Path> layers_of(const LabSpec& spec, const std::string& host);

kernel::IpPrefix host_prefix(size_t index);       // 10.77.0.1/24 for the first
kernel::IpPrefix host_ipv6_prefix(size_t index);  // fd00:77::1/64
kernel::MacAddr host_mac(size_t index);      // of its br0
// East's clocks are 1,000 s ahead of the machine's, west's 5,000 s, the next one's 9,000 s…
kernel::TimeOffsets host_clocks(size_t index);

}  // namespace ferry::lab

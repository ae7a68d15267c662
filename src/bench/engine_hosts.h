// SPDX-License-Identifier: Apache-2.0
//
// Virtual hosts with container engines on them, as an experiment wants them: what they need is laid
// over the hosts' root (its packages are unpacked beside ferry), and CRIU stands on their PATH.
#pragma once

#include <string>
#include <vector>

#include "bench/lab_hosts.h"

namespace ferry::bench {

// Whose containers an experiment can run and move: an engine, or one with a kind of network.
const std::vector<std::string>& engines();

// Lays the engines' packages over the source's and the target's root. Throws Error (refused) when
// they are not beside ferry.
void add_engines(lab::LabSpec& spec, const std::vector<std::string>& engines);
// On hosts that are up: CRIU, daemons, their network and image.
void start_engines(const Hosts& hosts, const std::vector<std::string>& engines);

// In a host with crun, which takes no mixture of v1 and v2, as the machine may have it.
inline constexpr const char* kOneVersionOfCgroups =
    "cd /sys/fs/cgroup; test -e cgroup.procs || ! test -d unified || "
    "(umount unified && rmdir unified)";

// As for what is done by hand: with ferry's library, without which it cannot dump another user's
// processes on every machine.
void put_criu(const Hosts& hosts, const std::string& host);

// With an image of the host's own Python, on both hosts the same.
void spread_docker_image(const Hosts& hosts);

}  // namespace ferry::bench

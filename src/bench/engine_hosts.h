// SPDX-License-Identifier: Apache-2.0
//
// Virtual hosts with container engines on them, as an experiment wants them: what they need is laid
// over the hosts' root (its packages are unpacked beside ferry), and CRIU stands on their PATH.
#pragma once

#include <string>
#include <vector>

#include "bench/lab_hosts.h"

namespace ferry::bench {

// Whose containers an experiment can run and move.
const std::vector<std::string>& engines();

// Lays the engines' packages over the source's and the target's root. Throws Error (refused) when
// they are not beside ferry.
void add_engines(lab::LabSpec& spec, const std::vector<std::string>& engines);
// On hosts that are up: CRIU, daemons, their network and image.
void start_engines(const Hosts& hosts, const std::vector<std::string>& engines);

// As for what is done by hand: with ferry's library, without which it cannot dump another user's
// processes on every machine.
void put_criu(const Hosts& hosts, const std::string& host);

// With an image of the host's own Python, on both hosts the same.
void spread_docker_image(const Hosts& hosts);

}  // namespace ferry::bench

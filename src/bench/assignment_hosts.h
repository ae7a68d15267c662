// SPDX-License-Identifier: Apache-2.0
//
// The virtual hosts of `ferry bench assignment`: pairs of them, alike and unlike, each with a
// docker of its own and the recipe's image, or with podman and runc. What a host is made of is asked of the host itself;
// nothing here claims a version.
#pragma once

#include <string>
#include <vector>

#include "bench/lab_hosts.h"
#include "report/experiment.h"

namespace ferry::bench {

struct HostKind {
  base::Path layer;  // with its engine in it
  base::Path criu;   // for its PATH; of a docker's host
  std::string criu_environment;
};
struct HostPair {
  std::string label;  // as typed
  HostKind source, target;
  bool has_docker = true;  // else podman and runc
};
inline const std::vector<std::string> kPairLabels = {"alike", "docker", "docker28", "criu", "podman", "podman5.8"};
// Those that can be made of what is beside ferry; what is missing is said in `notes`.
std::vector<HostPair> host_pairs(const base::Path& beside, std::vector<std::string>& notes);

// One such pair, up, and a client.
class AssignmentHosts {
 public:
  AssignmentHosts(const HostPair& pair, const std::vector<base::Path>& layers, int wake_fd);

  const Hosts& hosts() const { return hosts_; }
  const report::Host& source() const { return source_; }
  const report::Host& target() const { return target_; }

 private:
  void start_docker(const std::string& host, const HostKind& kind) const;
  report::Host look_at(const std::string& host) const;

  LabHosts hosts_;
  report::Host source_, target_;
};

// "Debian 12, docker 20.10.24 → Debian 13, docker 26.1.5", of what differs and matters; "alike"
// when nothing does.
std::string difference_words(const report::Host& from, const report::Host& to);
inline constexpr const char* kAlike = "alike";

}  // namespace ferry::bench

// SPDX-License-Identifier: Apache-2.0
//
// One virtual host: its namespaces and its init. The supervisor forks it; the two talk over a socket, one JSON message
// per step, until the host is up:
//
//     host        {"step": "namespaces"}              it has its own; the supervisor can plug in the link now
//     host        {"step": "keys", …}                 it has its own root; the public key of its sshd
//     supervisor  {"hosts": […], "user_key": …}       everybody's names and keys; the link is there
//     host        {"step": "up"}                      sshd listens
//     host        {"error": {…}}                      instead of any of its own
//
// After that the init reaps orphans until it is killed; it dies with the supervisor.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/subprocess.h"
#include "lab/cgroups.h"
#include "lab/host_files.h"
#include "lab/spec.h"

namespace ferry::lab {

struct HostPlan {
  std::string name;
  size_t index = 0;
  uint64_t rate_bytes_per_second = 0;
  std::vector<base::Path> cgroups;  // its own, made already
  std::vector<Hierarchy> hierarchies;
  std::vector<base::Path> layers, visible;
  std::optional<base::Path> executable;  // of ferry
  base::Path scratch;
};

// The supervisor's end. Every call throws the host's own Error when it failed there.
class Host {
 public:
  // Forks the init, with time and pid namespaces; the calling process must have a single thread.
  explicit Host(const HostPlan& plan);

  const std::string& name() const { return name_; }
  pid_t pid() const { return init_.pid(); }
  base::Child& init() { return init_; }

  void wait_for_namespaces();
  struct Keys {
    std::string host_public_key;
    KeyPair user_key;
  };
  Keys wait_for_keys();
  void tell(const std::vector<KnownHost>& hosts, const KeyPair& user_key);
  void wait_until_up();

 private:
  std::string name_;
  base::Child init_;
  base::Fd channel_;
};

}  // namespace ferry::lab

// SPDX-License-Identifier: Apache-2.0
//
// Virtual hosts: a lab with a name of its own, so that it stands beside others. The lab lives
// exactly as long as the object. When this process is killed, even by SIGKILL, the kernel closes
// the lab's lifeline and the lab ends.
#pragma once

#include "bench/hosts.h"
#include "bench/temporary_directory.h"
#include "lab/spec.h"
#include "lab/supervisor.h"

namespace ferry::bench {

// What `lab run` would take when nothing is said: the layer that the build has put beside ferry.
std::vector<base::Path> default_layers();

class LabHosts final : public Hosts {
 public:
  // Brings the lab up; its name is made up. Must be made before any thread is. Throws Error.
  LabHosts(lab::LabSpec spec, int wake_fd);
  ~LabHosts() override;

  std::string login(const std::string& host) const override { return "root@" + host; }
  int64_t clock_ahead_ns(const std::string&) const override { return 0; }  // they share one kernel
  base::Argv criu() const override;
  std::optional<base::Path> shared_directory() const override { return shared_.path(); }
  std::vector<std::string> links() const override;

 private:
  base::Argv exec_argv(const std::string& host, const base::Argv& argv) const override;

  TemporaryDirectory shared_;  // outlives the lab
  lab::LabSpec spec_;
  lab::StartedLab started_;
};

// "1 Gbit/s, 2 ms round trip", as a scenario set it; "not limited" for neither.
std::string link_words(uint64_t rate_bytes_per_second, std::chrono::nanoseconds delay);

}  // namespace ferry::bench

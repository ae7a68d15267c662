// SPDX-License-Identifier: Apache-2.0
//
// The virtual hosts of one experiment: a lab with a name of its own, so that it stands beside
// others, and the ways to run something in it. The lab lives exactly as long as the object. When
// this process is killed, even by SIGKILL, the kernel closes the lab's lifeline and the lab ends.
#pragma once

#include "bench/command.h"
#include "lab/spec.h"
#include "lab/supervisor.h"

namespace ferry::bench {

// What `lab run` would take when nothing is said: the layer that the build has put beside ferry.
std::vector<base::Path> default_layers();
base::Path own_directory();  // of the running executable

class Hosts {
 public:
  // Brings the lab up; its name is made up. Must be made before any thread is. Throws Error.
  Hosts(lab::LabSpec spec, int wake_fd);
  ~Hosts();
  Hosts(const Hosts&) = delete;
  Hosts& operator=(const Hosts&) = delete;

  const lab::LabSpec& spec() const { return spec_; }

  Command start(const std::string& host, const base::Argv& argv) const;
  base::Finished run(const std::string& host, const base::Argv& argv,
                     base::milliseconds limit = kCommandLimit) const;
  // The same, for what must succeed: gives its output. Throws Error with what it said.
  std::string check(const std::string& host, const base::Argv& argv,
                    base::milliseconds limit = kCommandLimit) const;
  void put_file(const std::string& host, const base::Path& path, std::string_view content) const;

  void wait(base::milliseconds duration) const;  // throws Error when interrupted

  static constexpr base::milliseconds kCommandLimit{30'000};  // most take below 1 s

 private:
  base::Argv exec_argv(const std::string& host, const base::Argv& argv) const;

  lab::LabSpec spec_;
  int wake_fd_;
  lab::StartedLab started_;
};

}  // namespace ferry::bench

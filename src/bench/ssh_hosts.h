// SPDX-License-Identifier: Apache-2.0
//
// Two real hosts, reached over ssh; the client is this machine. One ssh connection to each is kept
// open and shared by all commands. It ends with this object, or a minute after this process.
#pragma once

#include "bench/hosts.h"
#include "bench/temporary_directory.h"

namespace ferry::bench {

class SshHosts final : public Hosts {
 public:
  // [user@]host each; the two must reach each other by these names, too. Throws Error when one
  // cannot be reached or has no ferry of this version.
  SshHosts(const std::string& source, const std::string& target, Address address, int wake_fd);
  ~SshHosts() override;

  std::string login(const std::string& host) const override;
  int64_t clock_ahead_ns(const std::string& host) const override;  // measured anew each time
  base::Argv criu() const override;
  std::optional<base::Path> shared_directory() const override { return std::nullopt; }
  std::vector<std::string> links() const override;

 private:
  base::Argv exec_argv(const std::string& host, const base::Argv& argv) const override;
  base::Argv ssh(const std::string& host) const;
  void check_host(const std::string& host) const;

  std::string source_, target_;  // [user@]host
  TemporaryDirectory sockets_;   // of the shared connections
};

// "root@10.0.0.2" without the user.
std::string host_of(const std::string& login);

}  // namespace ferry::bench

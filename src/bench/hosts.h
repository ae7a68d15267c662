// SPDX-License-Identifier: Apache-2.0
//
// The hosts of an experiment and the ways to run something on them. Virtual ones (lab_hosts.h) or
// real ones over ssh (ssh_hosts.h); nothing else in bench knows which.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/command.h"

namespace ferry::bench {

struct Roles {
  std::string source = "east", target = "west", client = "client";
};

// What a workload is known by on the hosts' network.
struct Address {
  std::string ip = "10.77.0.9";
  int prefix_length = 24;

  std::string with_prefix() const { return ip + "/" + std::to_string(prefix_length); }
};

class Hosts {
 public:
  virtual ~Hosts() = default;
  Hosts(const Hosts&) = delete;
  Hosts& operator=(const Hosts&) = delete;

  const Roles& roles() const { return roles_; }
  const Address& address() const { return address_; }

  Command start(const std::string& host, const base::Argv& argv) const;
  base::Finished run(const std::string& host, const base::Argv& argv,
                     base::milliseconds limit = kCommandLimit, std::string_view input = {}) const;
  // The same, for what must succeed: gives its output. Throws Error with what it said.
  std::string check(const std::string& host, const base::Argv& argv,
                    base::milliseconds limit = kCommandLimit, std::string_view input = {}) const;
  std::string shell(const std::string& host, const std::string& script,
                    base::milliseconds limit = kCommandLimit) const;
  void put_file(const std::string& host, const base::Path& path, std::string_view content) const;

  void wait(base::milliseconds duration) const;  // throws Error when interrupted

  // For what must be done before this program ends.
  void ignore_interrupts() const { wake_fd_ = -1; }

  // How one host calls another, for ssh and for `ferry move`: "root@west".
  virtual std::string login(const std::string& host) const = 0;
  // How far its CLOCK_REALTIME is ahead of the client's.
  virtual int64_t clock_ahead_ns(const std::string& host) const = 0;
  // CRIU's command line up to its arguments, for what is done by hand.
  virtual base::Argv criu() const = 0;
  // That all of them see under this name, as with shared storage.
  virtual std::optional<base::Path> shared_directory() const = 0;
  virtual std::vector<std::string> links() const = 0;  // as a report names them

  static constexpr base::milliseconds kCommandLimit{30'000};  // most take below 1 s

 protected:
  Hosts(Roles roles, Address address, int wake_fd)
      : roles_(std::move(roles)), address_(std::move(address)), wake_fd_(wake_fd) {}
  virtual base::Argv exec_argv(const std::string& host, const base::Argv& argv) const = 0;

 private:
  Roles roles_;
  Address address_;
  mutable int wake_fd_;  // -1: nothing interrupts
};

base::Path own_directory();  // of the running executable

}  // namespace ferry::bench

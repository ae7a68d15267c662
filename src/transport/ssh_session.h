// SPDX-License-Identifier: Apache-2.0
//
// The ssh child and its three streams. It lives as long as this object; it is ended by its own pid.
#pragma once

#include "base/fd.h"
#include "base/subprocess.h"
#include "transport/bootstrap.h"

namespace ferry::transport {

// ssh, as ferry calls it, running `command` over there; FERRY_SSH may name another program.
base::Argv ssh_argv(const Destination& destination, const std::vector<std::string>& options,
                    const std::string& command);

class SshSession {
 public:
  // Starts ssh with `command` for the login shell over there. Throws Error when there is no ssh
  // program.
  SshSession(const Destination& destination, const std::vector<std::string>& ssh_options,
             const std::string& command);
  ~SshSession();

  int output() const { return from_.get(); }
  // Throws Error (cancelled, stalled); false when ssh has closed its stdin: it is ending.
  [[nodiscard]] bool write(std::string_view data, int wake_fd);
  // The streams become the link; `early`: what was read of its output already.
  std::unique_ptr<Channel> take_channel(std::string early);

  // What ssh and the target wrote to stderr so far. (Into a file in memory: nobody has to read it
  // for the target to go on.)
  std::string errors() const;
  // The exit code; nullopt when it has not ended within `patience`.
  std::optional<int> wait_exit(base::milliseconds patience);

 private:
  std::string host_;
  base::Fd errors_, to_, from_;
  base::Child child_;
  std::optional<int> exit_code_;
  bool is_link_ = false;
};

}  // namespace ferry::transport

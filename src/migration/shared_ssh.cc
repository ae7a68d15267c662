// SPDX-License-Identifier: Apache-2.0
#include "migration/shared_ssh.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "transport/ssh_session.h"

namespace ferry::migration {

SharedSsh::SharedSsh(transport::Destination destination, std::vector<std::string> ssh_options,
                     const std::string& job)
    : destination_(std::move(destination)),
      ssh_options_(std::move(ssh_options)),
      socket_(fmt::format("/run/ferry/ssh-{}", job)) {}

SharedSsh::~SharedSsh() {
  ssh_.kill_and_reap();
  ::unlink(socket_.c_str());
}

void SharedSsh::connect() {
  auto options = ssh_options_;
  options.insert(options.end(),
                 {"-N", "ControlMaster=yes", fmt::format("ControlPath={}", socket_.string())});
  base::SpawnOptions how;
  how.new_session = true;  // a terminal's Ctrl-C is for us
  how.in_child = [] { (void)::prctl(PR_SET_PDEATHSIG, SIGTERM); };
  ssh_ = base::spawn(transport::ssh_argv(destination_, options, ""), how);
}

std::vector<std::string> SharedSsh::options() const {
  auto options = ssh_options_;
  options.insert(options.end(),
                 {"ControlMaster=no", fmt::format("ControlPath={}", socket_.string())});
  return options;
}

}  // namespace ferry::migration

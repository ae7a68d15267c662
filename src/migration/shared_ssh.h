// SPDX-License-Identifier: Apache-2.0
//
// An SSH connection that stays open while a container moves, for the rsync within the pause: to
// connect anew takes longer than to send what has changed. Who finds it closed connects by itself.
// It ends with its owner, also with one that is killed.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/subprocess.h"
#include "transport/bootstrap.h"

namespace ferry::migration {

class SharedSsh {
 public:
  // Nothing is connected yet.
  SharedSsh(transport::Destination destination, std::vector<std::string> ssh_options,
            const std::string& job);
  ~SharedSsh();
  SharedSsh(const SharedSsh&) = delete;
  SharedSsh& operator=(const SharedSsh&) = delete;

  void connect();                            // in the background
  std::vector<std::string> options() const;  // the caller's, and with them this connection

 private:
  transport::Destination destination_;
  std::vector<std::string> ssh_options_;
  base::Path socket_;
  base::Child ssh_;
};

}  // namespace ferry::migration

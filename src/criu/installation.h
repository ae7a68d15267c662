// SPDX-License-Identifier: Apache-2.0
//
// Which CRIU this host uses, and how it is started: the one in FERRY_CRIU, else the one that came with ferry (criu/
// beside the executable, made by tools/get-criu), else the host's own from PATH.
#pragma once

#include <optional>
#include <string>

#include "base/subprocess.h"

namespace ferry::criu {

class Installation {
 public:
  // Throws Error (refused) with the remedy when there is none or it does not start.
  static Installation find();
  // With what came with ferry in that directory.
  static Installation find_beside(const base::Path& directory);

  // The command line up to CRIU's own arguments. A private CRIU is run by its own loader and libraries, so
  // its directory may be anywhere; libferry-criu.so is loaded into it and into nothing else.
  base::Argv command(const base::Argv& arguments) const;
  // What a call of `criu` would be if ferry's shim were not there: the host's own CRIU as it is, else the one that came with ferry.
  static base::Argv command_without_ferry(const base::Argv& arguments);
  const std::string& version() const { return version_; }  // "4.1.1"
  const base::Path& program() const { return program_; }
  const base::Path& preload() const { return preload_; }  // empty when it is not there

 private:
  base::Path program_;
  base::Path loader_;   // empty for a host's own CRIU
  base::Path preload_;  // libferry-criu.so; empty when it is not installed beside us
  std::string version_;
};

}  // namespace ferry::criu

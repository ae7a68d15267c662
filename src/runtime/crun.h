// SPDX-License-Identifier: Apache-2.0
//
// crun: an OCI runtime as runc is one, with the same words on its command line. What differs is
// here:
//
// - It may be built without CRIU, and calls it through a library that may not be there.
// - It makes no containers where cgroups are a mixture of v1 and v2.
// - Its CRIU starts outside of the container's cgroup, which its request names (from 1.21 on): ferry
//   moves it there (criu::EngineSide::cgroup).
// - It keeps what it knows of containers where XDG_RUNTIME_DIR says, also that of root, whose
//   directory goes when root logs out. Looked for in all of them, unless one is named.
// - From 1.24 on it covers masked directories with one empty one of its own, which an older one does
//   not know when it restores.
// - A restore that fails leaves its memory of the container, its cgroups and, when it was killed, a
//   mount in the bundle.
#pragma once

#include "runtime/oci.h"

namespace ferry::runtime {

class Crun : public Oci {
 public:
  explicit Crun(std::string root = {}) : Oci("crun", std::move(root)) {}

  process::Reasons host_reasons() const override;
  std::string version() const override;
  process::Reasons version_reasons(const std::string& theirs,
                                   const nlohmann::json& configuration) const override;
  std::optional<OciState> find(const std::string& id) const override;
  std::vector<OciListed> running() const override;
  process::Reasons own_reasons(const OciContainer& container) const override;
  void remove(const OciContainer& container) const override;
  void remove_remains(const OciContainer& container) const noexcept override;

 protected:
  base::Argv command_for(const OciContainer& container) const override;
};

}  // namespace ferry::runtime

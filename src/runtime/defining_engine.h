// SPDX-License-Identifier: Apache-2.0
//
// Engines that keep what a container is made of, its definition and its image, and may start it
// anew by themselves: podman and docker. At the target such a one makes the container while the
// original runs, and restores it later.
#pragma once

#include "handover/identity.h"
#include "runtime/oci.h"

namespace ferry::runtime {

class DefiningEngine : public Oci {
 public:
  using Oci::Oci;

  struct Image {
    std::string id, name;  // name: as it was created from; may be the id
  };

  // ---- at the source ----
  virtual Image image_of(const OciContainer& container) const = 0;
  virtual base::Argv save_image_command(const Image& image) const = 0;
  // What the target is to know of it beforehand, as JSON. `identity`: what moves with it.
  virtual std::string definition(const OciContainer& container,
                                 const std::optional<handover::Identity>& identity) const = 0;
  // Why its stopped copy cannot stay here (--keep-source).
  virtual process::Reasons reasons_not_to_keep(const OciContainer& container) const = 0;
  // From shortly before the freeze on nobody is to start a second one; and that this is over.
  virtual void forbid_restarts(const OciContainer&) const {}
  virtual void allow_restarts(const OciContainer&) const {}

  // ---- at the target ----
  // The named volumes that will be made with it.
  virtual std::vector<std::string> volumes_in(const std::string& /*definition*/) const { return {}; }
  // What of a definition cannot be made here.
  virtual process::Reasons reasons_against(const std::string& definition) const = 0;
  virtual bool has_image(const std::string& id) const = 0;
  virtual base::Argv load_image_command() const = 0;
  virtual void give_name(const Image& image) const = 0;  // unless something else has it
  // It runs.
  virtual void settle_in(const OciContainer& container) const = 0;
};

// Null: that engine is none of these.
std::unique_ptr<DefiningEngine> defining_engine(const std::string& engine);

}  // namespace ferry::runtime

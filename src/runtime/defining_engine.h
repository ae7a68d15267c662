// SPDX-License-Identifier: Apache-2.0
//
// Engines that keep what a container is made of, its definition and its image, and may start it
// anew by themselves: podman and docker. At the target such a one makes the container while the
// original runs, and restores it later.
#pragma once

#include <nlohmann/json.hpp>

#include "handover/identity.h"
#include "runtime/oci.h"

namespace ferry::runtime {

// As its engine knows it.
struct Volume {
  std::string name, driver;
  bool has_options = false;
  nlohmann::json labels = nlohmann::json::object();
  base::Path path = {};  // of what is in it; of one to be made: as it was where it comes from
};

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
  // The volumes that will be made with it, and that go with it.
  std::vector<std::string> volumes_in(const std::string& definition) const;
  // Networks that are not here and will be made with it.
  std::vector<std::string> networks_to_make(const std::string& definition) const;
  // What of a definition cannot be made here.
  virtual process::Reasons reasons_against(const std::string& definition) const = 0;
  virtual bool has_image(const std::string& id) const = 0;
  virtual base::Argv load_image_command() const = 0;
  virtual void give_name(const Image& image) const = 0;  // unless something else has it
  // It runs.
  virtual void settle_in(const OciContainer& container) const = 0;

  // Of a definition: its networks, by name, as they are at the source, should the target have none of
  // that name.
  static constexpr const char* kNetworksThere = "NetworksThere";

 protected:
  virtual bool has_network(const std::string& name) const = 0;
  virtual std::optional<Volume> find_volume(const std::string& name) const = 0;
  // Names of containers, running or not, without the one of this id.
  virtual std::vector<std::string> other_users(const std::string& volume,
                                               const std::string& id) const = 0;
  virtual void create_volume(const Volume& volume) const = 0;
  virtual void remove_volume(const std::string& name) const = 0;  // none of that name is as good

  // ---- with those: a container's own volumes, OciContainer::volumes ----
  // At the source: they go along when nobody else has them and they are directories of this host.
  process::Reasons volume_reasons(const OciContainer& container) const;
  // As a definition has them, under "Volumes".
  nlohmann::json describe_volumes(const OciContainer& container) const;
  // At the target.
  process::Reasons reasons_against_volumes(const nlohmann::json& definition) const;
  void create_volumes(const nlohmann::json& definition) const;
  // On either.
  void remove_volumes(const OciContainer& container) const;
};

// Null: that engine is none of these.
std::unique_ptr<DefiningEngine> defining_engine(const std::string& engine);

}  // namespace ferry::runtime

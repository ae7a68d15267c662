// SPDX-License-Identifier: Apache-2.0
//
// docker: its daemon keeps a container's definition, image and files, and has containerd run it,
// whose shim calls an OCI runtime, is the container's parent and has its streams.
//
// At the source that runtime is asked for the checkpoint, as containerd would ask it, so that
// docker hears of a move only when it has succeeded. At the target docker makes the container,
// under an id of its own, and starts it from a checkpoint in which there is nothing but what the
// runtime reads before it calls CRIU.
#pragma once

#include "runtime/defining_engine.h"
#include "runtime/docker_api.h"

namespace ferry::runtime {

class Docker : public DefiningEngine {
 public:
  Docker() : DefiningEngine("docker") {}

  bool has_daemon() const override { return true; }
  bool is_installed() const override { return api_.is_installed(); }
  bool is_serving() const override;
  process::Reasons host_reasons() const override;
  std::optional<OciState> find(const std::string& name) const override;
  std::vector<OciListed> running() const override;
  process::Reasons own_reasons(const OciContainer& container) const override;
  OciFiles files(const OciContainer& container) const override;
  std::vector<handover::PublishedPort> published_ports(
      const OciContainer& container) const override;
  std::vector<base::Path> storage() const override;
  void prepare_restore(const OciContainer& container, const base::Path& images) const override;
  base::Argv restore_command(const OciContainer& container, const std::string& images,
                             const base::Path& log) const override;
  void remove(const OciContainer& container) const override;
  void settle(const OciContainer& container) const override;

  Image image_of(const OciContainer& container) const override;
  base::Argv save_image_command(const Image& image) const override;
  std::string definition(const OciContainer& container,
                         const std::optional<handover::Identity>& identity) const override;
  process::Reasons reasons_not_to_keep(const OciContainer& container) const override;
  void forbid_restarts(const OciContainer& container) const override;
  void allow_restarts(const OciContainer& container) const override;

  process::Reasons reasons_against(const std::string& definition) const override;
  bool has_image(const std::string& id) const override;
  base::Argv load_image_command() const override;
  void give_name(const Image& image) const override;
  void settle_in(const OciContainer& container) const override;

  // At the target: made as the definition says, not started, and not to be restarted by anyone.
  // What is wanted, with its id here.
  OciContainer define(OciContainer wanted, const std::string& definition, const Image& image) const;

 protected:
  bool has_network(const std::string& name) const override;
  std::optional<Volume> find_volume(const std::string& name) const override;
  std::vector<std::string> other_users(const std::string& volume,
                                       const std::string& id) const override;
  void create_volume(const Volume& volume) const override;
  void remove_volume(const std::string& name) const override;

 private:
  process::Reasons version_reasons(const nlohmann::json& configuration) const;
  // As it is to be here; why it cannot be.
  static process::Reasons prepare_network(nlohmann::json& network);
  void make_network(nlohmann::json network) const;
  std::string id_to_remove(const OciContainer& container) const;
  void remove_container(const std::string& id) const;
  void remove_network(const std::string& name) const;
  nlohmann::json describe_networks(const nlohmann::json& configuration) const;
  nlohmann::json require(const OciContainer& container) const;
  base::Path container_directory(const std::string& id) const;
  base::Path checkpoint_directory(const OciContainer& container) const;
  static void remove_checkpoint_copy(const OciContainer& container);
  void set_restart_policy(const std::string& id, const nlohmann::json& policy) const;

  DockerApi api_;
};

// The bundle and the runtime of the container that this process, containerd's shim, looks after;
// false: it is none.
bool read_containerd_shim(pid_t shim, OciContainer& container);
// The same, and what containerd has copied, of the one that this CRIU's caller restores.
bool read_containerd_restore(pid_t criu, OciContainer& container);

}  // namespace ferry::runtime

// SPDX-License-Identifier: Apache-2.0
//
// podman: it keeps a container's definition, image and files, and calls an OCI runtime. Its
// supervisor of a container, conmon, is that one's parent, has its streams, and on its end calls
// podman, which may start it anew.
//
// At the source its runtime is asked for the checkpoint, so that podman itself, which would say
// that the container has stopped, hears of a move only when it has succeeded; but one that has a
// healthcheck is paused to it before (forbid_restarts). At the target podman
// makes the container from its own archive of the definition (export_command, import_command) while
// the original runs, and restores it later.
#pragma once

#include "runtime/defining_engine.h"

namespace ferry::runtime {

class Podman : public DefiningEngine {
 public:
  Podman() : DefiningEngine("podman") {}

  process::Reasons host_reasons() const override;
  std::optional<OciState> find(const std::string& name) const override;
  std::vector<OciListed> running() const override;
  process::Reasons own_reasons(const OciContainer& container) const override;
  bool gives_network(const OciContainer& container) const override;
  std::vector<handover::PublishedPort> published_ports(
      const OciContainer& container) const override;
  OciFiles files(const OciContainer& container) const override;
  std::vector<base::Path> storage() const override;
  base::Argv restore_command(const OciContainer& container, const std::string& images,
                             const base::Path& log) const override;
  void remove(const OciContainer& container) const override;
  void dismiss_supervisor(const OciContainer& container) const override;
  void settle(const OciContainer& container) const override;

  Image image_of(const OciContainer& container) const override;
  base::Argv save_image_command(const Image& image) const override;
  std::string definition(const OciContainer& container,
                         const std::optional<handover::Identity>& identity) const override;
  process::Reasons reasons_not_to_keep(const OciContainer& container) const override;
  // A healthcheck that comes upon a frozen or dead container fails, and on its failure podman may
  // kill the container or start it anew (--health-on-failure). To podman one that has a healthcheck
  // is paused meanwhile, though nothing is done to it: it checks no such one, and restarts none.
  void forbid_restarts(const OciContainer& container) const override;
  void allow_restarts(const OciContainer& container) const override;

  process::Reasons reasons_against(const std::string& definition) const override;
  bool has_image(const std::string& id) const override;
  base::Argv load_image_command() const override { return {"podman", "load", "--quiet"}; }
  // podman looks for the name of a container's image, and takes the one of its id: any image of
  // that name will do.
  void give_name(const Image& image) const override;
  void settle_in(const OciContainer& container) const override;

  // ---- its definition, as podman's own archive of a checkpoint, in which there is none ----
  // Calls CRIU for a dump, which is to be answered without one; in between make_look_whole() is to
  // be called.
  base::Argv export_command(const OciContainer& container, const base::Path& archive) const;
  void make_look_whole(const OciContainer& container) const;
  void tidy_after_export(const OciContainer& container) const;
  // Of one on podman's networks: which addresses it has on them.
  void forget_addresses(const base::Path& archive) const;
  // Calls CRIU for a restore, which is to fail: then the container is there, and was never started.
  // Of one that is removed when it ends (--rm) that failure would be the end: its supervisor has it
  // removed. So for such a one the archive is changed first, and podman ends before it has called
  // one, with the same left behind.
  base::Argv import_command(const base::Path& archive, bool is_removed_at_end) const;
  void make_import_stop(const base::Path& archive) const;
  void tidy_after_import(const OciContainer& container) const;
  // Before that: its volumes, which podman does not fill or give to somebody else when it starts
  // the container one day.
  void make_volumes(const OciContainer& container, const std::string& definition,
                    const Image& image) const;
  // And those of its networks that are to be made for it.
  void make_networks(const OciContainer& container, const std::string& definition) const;
  bool is_made(const std::string& id) const;
  // Of one that does not run: its root filesystem is mounted from then on, until it has settled in
  // or was removed. Throws Error.
  base::Path mount(const std::string& id) const;

 protected:
  bool has_network(const std::string& name) const override;
  std::optional<Volume> find_volume(const std::string& name) const override;
  std::vector<std::string> other_users(const std::string& volume,
                                       const std::string& id) const override;
  void create_volume(const Volume& volume) const override;
  void remove_volume(const std::string& name) const override;

 private:
  // Of a definition: the ports that it publishes, handover::PublishedPort::text().
  static constexpr const char* kPublishedPorts = "PublishedPorts";
  // And that its network leads out of the host, with an address that moves.
  static constexpr const char* kIsShared = "NetworkIsShared";
  // And its supervisor's, which an import does not change.
  static constexpr const char* kSupervisorPidFile = "ConmonPidFile";
  static constexpr const char* kNetworkStatus = "network.status";  // files of the archive
  static constexpr const char* kDeletedFiles = "deleted.files";
  void remove_novice(const OciContainer& container) const;  // of make_volumes(), if it was killed
  nlohmann::json describe_networks(const nlohmann::json& inspected) const;
  process::Reasons reasons_against_networks(const std::string& definition) const;
  void remove_network(const std::string& name) const;
};

std::vector<OciListed> podman_listing(const nlohmann::json& list);  // of `podman ps`

// By its config.json: podman removes it when it ends (--rm).
bool is_removed_at_end(const nlohmann::json& configuration);

// What `podman inspect` says of it that a move cannot carry.
process::Reasons inspected_reasons(const nlohmann::json& inspected);

}  // namespace ferry::runtime

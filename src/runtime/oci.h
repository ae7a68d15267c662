// SPDX-License-Identifier: Apache-2.0
//
// Engines that are called and gone: runc, by its own command line (an OCI runtime). They keep what they know of a
// container in a directory of their own, and drive CRIU themselves, through ferry's shim (criu/engine_call.h).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/subprocess.h"
#include "process/reason.h"

namespace ferry::runtime {

// As it is here. A container of another host, or one to come, has no cgroup.
struct OciContainer {
  std::string engine, id;        // "runc", "web"
  base::Path bundle;             // has config.json; at the target the same path
  base::Path cgroup;             // the directory that freezes it
  bool keep = false;             // --keep-source: its stopped copy stays

  std::string text() const { return engine + ":" + id; }
};
// Among the images: which standard streams are pipes. Written before CRIU is called, and read so.
inline constexpr const char* kEngineNotes = "descriptors.json";

nlohmann::json to_note(const OciContainer& container);
OciContainer oci_container_from(const nlohmann::json& note);

struct OciState {
  std::string status;  // "running", "paused", "stopped", "created"
  pid_t pid = 0;
  base::Path bundle;
};

class Oci {
 public:
  explicit Oci(std::string engine) : engine_(std::move(engine)) {}

  static bool knows(const std::string& engine);  // is of this kind
  // Why this host cannot checkpoint or restore with it at all.
  process::Reasons host_reasons() const;
  std::optional<OciState> find(const std::string& id) const;  // throws Error
  // Complaints go into `log`, images and the engine's own notes into `images`.
  base::Argv checkpoint_command(const std::string& id, const std::string& images, const base::Path& log) const;
  // The container's first process gets the standard streams of whoever calls.
  base::Argv restore_command(const OciContainer& container, const std::string& images, const base::Path& log) const;
  // Killed if need be, and forgotten; none of that id is as good. Throws Error.
  void remove(const std::string& id) const;

 private:
  std::string engine_;
};

// What of it a move cannot carry, as its configuration says: every reason.
process::Reasons container_reasons(const OciContainer& container);
// Its root directory: below the bundle, or absolute.
base::Path rootfs_of(const OciContainer& container, const nlohmann::json& configuration);
bool is_read_only(const nlohmann::json& configuration);
// The sources of its bind mounts that must be on the target as well.
std::vector<std::string> bind_sources(const nlohmann::json& configuration);
nlohmann::json read_configuration(const base::Path& bundle);  // throws Error

}  // namespace ferry::runtime

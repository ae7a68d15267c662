// SPDX-License-Identifier: Apache-2.0
//
// A container engine, as a move needs it: the container found, what stands in its way, its image and configuration carried
// over, and the engine's own checkpoint and restore. Processes and `ferry run` workloads need none of this (workload.h).
//
// Who calls: migration/container_source and container_target, from one thread. Verbs throw Error with the engine's own
// words; what merely stands in the way is returned as Reasons.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/subprocess.h"
#include "kernel/procfs.h"
#include "process/reason.h"

namespace ferry::runtime {

// What a user named: "docker:web" is {"docker", "web"}; anything else has no engine.
struct ContainerName {
  std::string engine, name;
  std::string text() const { return engine + ":" + name; }
};
// Throws Error (refused) for an engine that this version does not know, and for what cannot be a container's name.
std::optional<ContainerName> parse_container(const std::string& what);
// Under which it is locked, cancelled and journalled; no workload's name begins with a dot.
std::string lock_name(const ContainerName& name);

struct Container {
  std::string id, name;
  std::string image_id, image_name;
  bool running = false;
  bool never_started = false;
  pid_t root_pid = 0;        // as this host sees it; 0: none
  std::string command;       // for people
  std::string address, mac;  // "10.77.0.9/24", with a single network; else empty
  base::Path log;            // its log file; empty: its driver keeps none
  nlohmann::json configuration;  // the engine's own words: what create() makes the same container from
};

struct EngineFacts {
  std::string version;       // "20.10.24"
  std::string criu_version;  // "4.2"; empty: none found
  std::string storage;       // "overlay2"
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual EngineFacts facts() = 0;
  // Why this host cannot checkpoint or restore at all: engine missing, not so configured, no CRIU.
  virtual process::Reasons host_reasons() = 0;

  // ---- at the source ----
  virtual std::optional<Container> find(const std::string& name_or_id) = 0;
  virtual process::Reasons own_reasons(const Container& container) = 0;
  // Why its open connections cannot go along; an empty Reason: they can.
  virtual process::Reason why_connections_stay(const Container& container) = 0;
  virtual base::Argv save_image_command(const Container& container, bool by_name) = 0;
  virtual void checkpoint(const std::string& id, const std::string& name) = 0;  // it has stopped then
  virtual void drop_checkpoint(const std::string& id, const std::string& name) = 0;

  // ---- at the target ----
  virtual process::Reasons arrival_reasons(const std::string& name, const nlohmann::json& configuration) = 0;
  // The image of a name here; empty: none.
  virtual std::string image_of_name(const std::string& image_name) = 0;
  virtual bool has_image(const std::string& image_id) = 0;
  virtual base::Argv load_image_command() = 0;
  // Made, not started, and not to be restarted by anyone. Returns its id.
  virtual std::string create(const std::string& name, const std::string& image,
                             const nlohmann::json& configuration) = 0;

  // ---- at both ----
  virtual base::Path checkpoint_directory(const std::string& id, const std::string& name) = 0;
  virtual base::Path writable_layer(const std::string& id) = 0;  // empty: its storage has no such directory
  virtual base::Path log_path(const std::string& id) = 0;        // of a container that may not have run yet
  virtual void restore(const std::string& id, const std::string& checkpoint) = 0;
  virtual nlohmann::json restart_policy(const nlohmann::json& configuration) = 0;
  // Null: nobody restarts it, so that no second copy comes to life while it moves.
  virtual void set_restart_policy(const std::string& id, const nlohmann::json& policy) = 0;
  virtual void remove(const std::string& id) = 0;  // killed if need be; none of that id is as good
  virtual bool reads_log(const std::string& id) = 0;
};

// Never null. Nothing is asked of the engine yet.
std::unique_ptr<Backend> backend_for(const ContainerName& name);

}  // namespace ferry::runtime

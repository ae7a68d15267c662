// SPDX-License-Identifier: Apache-2.0
//
// Container engines: runc and crun, by their own command line (OCI runtimes), and those that call one and keep more than it does
// (defining_engine.h). They drive CRIU themselves, through ferry's shim (criu/engine_call.h).
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/subprocess.h"
#include "handover/relay.h"
#include "kernel/procfs.h"
#include "process/reason.h"

namespace ferry::runtime {

// As it is here. A container of another host, or one to come, has no cgroup.
struct OciContainer {
  std::string engine, id;        // "runc", "web"; podman's and docker's is the long one, docker's another one on each host
  base::Path bundle;             // has config.json; at the target the same path, but of docker
  base::Path cgroup;             // the directory that freezes it
  bool keep = false;             // --keep-source: its stopped copy stays
  std::string name = {};         // as people call it; empty: by its id
  base::Argv runtime = {};       // what is asked for its checkpoint, with that one's options; empty: its engine, as it is
  kernel::ProcessId supervisor = {};  // podman's conmon, containerd's shim: has its streams, and sees it end
  base::Path exits = {};         // where that one leaves a word of the end
  std::vector<std::string> volumes = {};  // its own, by name (podman, docker): they go where it goes
  std::vector<std::string> networks = {};  // of its engine, by name, that are made for it where it arrives
  base::Path checkpoint_copy = {};  // docker's: where containerd has put what it is started from, and leaves it
  std::vector<std::string> environment = {};  // by what its engine on this host is found (engine_environment.h)
  std::string restarts = {};     // its restart policy, in the words of an engine that can be told another one (docker); podman's: what else may start it anew; empty: none

  std::string text() const { return engine + ":" + (name.empty() ? id : name); }
};
// Among the images: which standard streams are pipes. Written before CRIU is called, and read so.
inline constexpr const char* kEngineNotes = "descriptors.json";

nlohmann::json to_note(const OciContainer& container);
OciContainer oci_container_from(const nlohmann::json& note);

struct OciState {
  OciContainer container;  // but for its cgroup
  std::string status;      // "running", "paused", "stopped", "created", …
  pid_t pid = 0;
};

// One that runs, for people.
struct OciListed {
  std::string name;   // without its engine's: "web"
  std::string about;  // its image, or its command where the engine knows of no images
  bool operator==(const OciListed&) const = default;
};

// A directory of this host that a container has mounted.
struct MountedTree {
  base::Path at, here;
};

// What of a container is to be copied, on this host.
struct OciFiles {
  base::Path root;          // its root filesystem, as it sees that
  base::Path changes;       // where all that has changed since it was made is to be found; `root` when nobody keeps that apart
  bool read_only = false;
  base::Path shared_memory;  // a /dev/shm that its engine has mounted for it; empty: CRIU takes it along
  std::vector<MountedTree> volumes;  // its own
  std::vector<MountedTree> binds;    // what is bound into it of this host, without what its engine has made for it
  base::Path log;            // empty: it is no file that goes along
  bool by_layer = false;     // as long as its engine at the target has not mounted `root`, `changes` is copied as it lies
};

inline constexpr const char* kEngines[] = {"docker", "podman", "runc", "crun"};

class Oci {
 public:
  // `root`: where it keeps what it knows of containers (runc, crun: --root); empty: where it usually does.
  explicit Oci(std::string engine, std::string root = {}) : engine_(std::move(engine)), root_(std::move(root)) {}
  virtual ~Oci() = default;

  static bool knows(const std::string& engine);  // is one of kEngines
  // One gives its containers their networks, also the one that ferry has made, and calls CRIU itself: who is called only asks it to.
  virtual bool has_daemon() const { return false; }
  // Makes the network of this container itself, and anew where it comes to.
  virtual bool gives_network(const OciContainer&) const { return has_daemon(); }
  // This host has it, be it of use (host_reasons) or not.
  virtual bool is_installed() const;
  // It takes what is asked of it; a daemon that is about to end does not, and takes its containers along.
  virtual bool is_serving() const { return true; }
  // Why this host cannot checkpoint or restore with it at all.
  virtual process::Reasons host_reasons() const;
  // The version here, where it matters to the other host; and why what that of `theirs` has made cannot be restored by the one here.
  virtual std::string version() const { return {}; }
  virtual process::Reasons version_reasons(const std::string& /*theirs*/, const nlohmann::json& /*configuration*/) const { return {}; }
  virtual std::optional<OciState> find(const std::string& name) const;  // throws Error
  // Of its containers those that have not come to their end: paused ones, too. Throws Error.
  virtual std::vector<OciListed> running() const;
  // What of it a move cannot carry: every reason.
  virtual process::Reasons own_reasons(const OciContainer& container) const;
  virtual OciFiles files(const OciContainer& container) const;
  // By which this host leads to it. Of IPv4.
  virtual std::vector<handover::PublishedPort> published_ports(const OciContainer&) const { return {}; }
  // Directories in which it keeps what is its own, if they may lie elsewhere than usual.
  virtual std::vector<base::Path> storage() const { return {}; }
  // Before the engine is started for a restore: what it reads first is among the images.
  virtual void prepare_restore(const OciContainer&, const base::Path& /*images*/) const {}
  // Complaints go into `log`, images and the engine's own notes into `images`.
  base::Argv checkpoint_command(const OciContainer& container, const std::string& images, const base::Path& log) const;
  // The container's first process gets the standard streams of whoever calls, unless its engine has some for it.
  virtual base::Argv restore_command(const OciContainer& container, const std::string& images, const base::Path& log) const;
  // Killed if need be, and forgotten; none of that id is as good. Throws Error.
  virtual void remove(const OciContainer& container) const;
  // What a restore that never came to its call of CRIU has left, if its engine does not tidy up itself. Never throws.
  virtual void remove_remains(const OciContainer&) const noexcept {}
  // Before its processes are killed because they live elsewhere: nobody is to start it anew.
  virtual void dismiss_supervisor(const OciContainer&) const {}
  // Its processes are dead: it is forgotten or, to be kept, known as stopped.
  virtual void settle(const OciContainer& container) const;

 protected:
  // The engine's command line up to its verb.
  virtual base::Argv command_for(const OciContainer& container) const;
  // What the runtime says of one, and of all. Throw Error.
  std::optional<OciState> ask_state(base::Argv runtime, const std::string& id) const;
  nlohmann::json ask_list(base::Argv runtime) const;

  std::string engine_, root_;
};
// Of one that knows() knows; `root` as of Oci, of runc and crun.
std::unique_ptr<Oci> oci_engine(const std::string& engine, const std::string& root = {});

// What an engine says when it is asked for a list as JSON; nothing in it may be "null". Throws Error.
nlohmann::json parse_list(const std::string& engine, const std::string& text);
// Of a runtime's `list`. Engines that call it by its usual directory (podman) have theirs there, too: those are not its own.
std::vector<OciListed> runtime_listing(const nlohmann::json& list);

// The long one of podman and docker; it becomes part of commands.
bool is_long_id(const std::string& text);
// Files that an engine puts into it by itself: below a directory of its id.
bool is_engines_own(const std::string& mount_source, const std::string& id);

// Where programs are looked for that are not on everybody's PATH.
std::string program_path();
// What of a container a move cannot carry, as its config.json says: namespaces that are not its own.
process::Reasons namespace_reasons(const nlohmann::json& configuration);
// Its root directory: below the bundle, or absolute.
base::Path rootfs_of(const base::Path& bundle, const nlohmann::json& configuration);
bool is_read_only(const nlohmann::json& configuration);
// Its bind mounts.
std::vector<MountedTree> bind_mounts(const nlohmann::json& configuration);
nlohmann::json read_configuration(const base::Path& bundle);  // throws Error

}  // namespace ferry::runtime

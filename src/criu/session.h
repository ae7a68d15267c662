// SPDX-License-Identifier: Apache-2.0
//
// One `criu swrk` process and the protobuf RPC with it (criu/rpc.proto of the installed package; criu/cr-service.c).
// It serves one dump or one restore. CRIU asks at its notification points and waits for our answer, which makes
// each of them a gate: pre-dump (nothing touched yet), post-dump (all dumped, tasks still seized), post-restore
// (all built, none running).
//
// Whose process that CRIU is makes no difference: ferry starts it, or a container engine does (engine_call.h). Then the engine is asked
// at each notification too, after us: it hears of what we let pass, and nothing of what we refuse but the failure.
//
// The destructor kills CRIU. That is an abort path only: at post-dump CRIU then cannot take its sockets out of repair mode.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "base/subprocess.h"
#include "criu/doctor.h"
#include "criu/engine_side.h"
#include "criu/installation.h"
#include "criu/rpc.pb.h"
#include "kernel/namespaces.h"
#include "kernel/procfs.h"

namespace ferry::criu {

struct Notified {
  std::string point;  // "pre-dump", "post-dump", "post-restore", …
  pid_t pid = 0;      // of the root task, where CRIU knows it
};
struct Finished {
  bool success = false;
  int error_number = 0;  // CRIU's cr_errno; 0: unknown
  std::string message;   // CRIU's own last words, may be empty
  pid_t pid = 0;         // restore: the root task in CRIU's pid namespace
};
struct Died {
  int wait_status = 0;
};
struct Interrupted {};  // the wake descriptor became readable
struct TimedOut {};
using Event = std::variant<Notified, Finished, Died, Interrupted, TimedOut>;

class Session {
 public:
  // Starts CRIU in the namespaces of the task it will dump, or of the capsule it will restore into.
  static Session start(const Installation& installation, const kernel::Namespaces& namespaces,
                       base::SpawnOptions options = {});
  // Of an engine's CRIU: `engine` is the engine's own process. For engine_call.cc.
  Session(base::Child engine, base::Fd socket, std::unique_ptr<EngineSide> side)
      : child_(std::move(engine)), socket_(std::move(socket)), engine_(std::move(side)) {}

  // Has CRIU probe the kernel now rather than in the pause (it keeps the result in /run/criu.kdat, where /run is a tmpfs). Throws
  // Error (refused) when it cannot work on this host.
  void warm_up(base::MonoTime deadline);
  void request(const criu_req& request);
  // Waits for what CRIU says next. `wake_fd` -1: nothing else is watched.
  [[nodiscard]] Event next(base::MonoTime deadline, int wake_fd = -1);
  // Like next(), but passes every notification but `point` with "go on". Gives the notification, or what else happened.
  [[nodiscard]] Event run_until(const std::string& point, base::MonoTime deadline, int wake_fd = -1);
  void answer(bool go_on);

  // Where an engine's CRIU is to be when it restores, and is not yet (EngineSide::cgroup); empty: it is fine where it is.
  std::string cgroup_to_enter() const { return engine_ ? engine_->cgroup() : std::string(); }

  // Whoever has asked the engine for this conversation does not wait for it any more: the engine's daemon has gone, say.
  bool has_lost_engine() const;
  // After Finished: waits for the engine's own end. Its exit code; nothing: it has not come, or there is no engine.
  std::optional<int> end_of_engine(base::MonoTime deadline);

  kernel::ProcessId process() const {
    return engine_ ? engine_->criu() : kernel::find_process(child_.pid()).value_or(kernel::ProcessId{});
  }

 private:
  Session(base::Child child, base::Fd socket) : child_(std::move(child)), socket_(std::move(socket)) {}
  void send(std::string_view bytes);
  Event died();
  base::Child child_;  // CRIU, or the engine that has started it
  base::Fd socket_;
  std::unique_ptr<EngineSide> engine_;
};

inline constexpr const char* kAfterAKill = "try again; if the kernel did it (dmesg | grep -i kill), free some memory first";

// Why there is no further gate, and what to do: from CRIU's log, or from how it ended when the log does not say.
Diagnosis explain(const Event& event, const base::Path& log);

// What both requests have in common: images and log in `images`, quiet about cgroups and locks on the network.
criu_req dump_request(const std::string& images, pid_t pid, const base::Path& freezer);
// Where the pages of private anonymous memory come from: the images, or one by one from who listens on kLazyPagesSocket in the
// directory of the images (criu/uffd.c). That one must be there before the restore begins, which waits for pages already.
enum class Pages { kFromImages, kOnDemand };
criu_req restore_request(const std::string& images, Pages pages = Pages::kFromImages);

// A network namespace without a name, of a container, that is none of CRIU's business but which its tasks must be in: at the dump by
// its inode, at the restore by a descriptor that the shim has got for it (engine_call.h: RealCriu).
void leave_network_alone(criu_req& dump, uint64_t netns);
void restore_into_network(criu_req& restore);
inline constexpr int kNetworkFd = 160;  // above those of engines, below those of CRIU, which counts from the limit down

inline constexpr const char* kLazyPagesSocket = "lazy-pages.socket";
inline constexpr const char* kDumpLog = "dump.log";
inline constexpr const char* kRestoreLog = "restore.log";

}  // namespace ferry::criu

// SPDX-License-Identifier: Apache-2.0
//
// A CRIU that a container engine starts, in ferry's hands. An engine executes `criu swrk FD` from PATH; there it finds ferry's
// shim (shim.h), a link called `criu` to ferry itself. The shim looks at the request without taking it. Nobody waits for that
// container: it becomes the real CRIU, and nothing has happened. A ferry waits: it gives the engine's end of the conversation
// to that ferry, gets another one instead, and becomes the real CRIU on that.
//
//     engine ── request ──► Session (in ferry) ── request, and what ferry adds ──► CRIU, the engine's child
//            ◄─ NOTIFY, after ferry's gate ──           ◄────────────── NOTIFY ──
//
// So CRIU stays the engine's own process, in its namespaces, with the descriptors that it passes on; and to the rest of ferry
// it is a Session like one that it has started. When ferry dies both sides see their peer close, as a CRIU of ferry's own does.
//
// A waiting ferry is a socket in kCallsDirectory whose name says what for. It vanishes with the object; of a ferry that was
// killed it stays, and refuses connections.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/fd.h"
#include "base/subprocess.h"
#include "criu/rpc.pb.h"
#include "kernel/procfs.h"

namespace ferry::criu {

inline constexpr const char* kCallsDirectory = "/run/ferry/criu";

// The dump of that root task (by its pid on this host), or the restore of the container of that id.
std::string dump_call(pid_t root);
std::string restore_call(const std::string& container_id);

// What the shim is to become.
struct RealCriu {
  base::Argv argv;                       // without "swrk FD"
  std::vector<std::string> environment;  // added: "NAME=value"
  int netns = -1;                        // a network namespace, which it has as descriptor kNetworkFd; -1: none
  std::string untold = {};               // a notification that its engine is not to hear of; empty: it hears of all
};

// Whose process it is that calls: a descendant of the command that is started, or of a daemon that the command talks to.
enum class Caller { kDescendant, kDaemon };

class Session;

class EngineCall {
 public:
  // Waits for nothing yet. Throws SysError.
  explicit EngineCall(std::string name, Caller caller = Caller::kDescendant);
  EngineCall(const EngineCall&) = delete;
  EngineCall& operator=(const EngineCall&) = delete;
  ~EngineCall();

  // Starts the engine's command, whose CRIU this is to become, and gives that CRIU's session. Another caller of the same kind
  // (somebody who checkpoints the container at this moment) is refused. Throws Error with the engine's words when it ends before.
  Session start(const base::Argv& engine, const base::SpawnOptions& options, const RealCriu& criu, base::MonoTime deadline,
                const std::function<std::string()>& engine_words);
  // As start(), but there is no CRIU: `act` is called in its place, and the engine told that it was a success or a failure. Waits for the
  // engine's end and gives its exit code. Throws Error when it ends before.
  int stand_in(const base::Argv& engine, const base::SpawnOptions& options, bool success, const std::function<void()>& act,
               base::MonoTime deadline, const std::function<std::string()>& engine_words);

 private:
  struct Call {
    base::Child child;  // the engine
    base::Fd shim;      // who waits to hear what it is to become
    base::Fd engine;    // the engine's end of the conversation
    kernel::ProcessId process;
  };
  // Starts the engine, and waits until it is at its call.
  Call call(const base::Argv& engine, const base::SpawnOptions& options, base::MonoTime deadline, const std::function<std::string()>& engine_words);

  base::Path path_;
  Caller expected_;
  base::Fd listener_;
};

// A directory that has nothing but the shim, to be put first in the PATH of an engine.
base::Path shim_directory();
// Of an engine that ferry starts itself: "PATH=…".
std::string path_with_shim();

}  // namespace ferry::criu

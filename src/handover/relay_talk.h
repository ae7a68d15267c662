// SPDX-License-Identifier: Apache-2.0
//
// Words to a process of a relay, and its answers.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "handover/relay_registry.h"

namespace ferry::handover {

inline constexpr std::string_view kDone = "done ";

class RelayTalk {
 protected:
  RelayTalk(std::string what, base::Fd control)
      : what_(std::move(what)), control_(std::move(control)) {}

  // What it answers, after its "done". Throws Error when it has no answer, or says why it could
  // not.
  std::string ask(const std::string& word, const std::vector<int>& fds = {}) {
    tell(word, fds);
    return hear();
  }
  void tell(const std::string& word, const std::vector<int>& fds = {});
  std::string hear();
  [[noreturn]] void fail(const std::string& why) const;

  std::string what_;  // "relay the ports of web"
  base::Fd control_;
};

// The way back. A container comes home to the host that relays its ports to where it is now; those
// of its connections are that host's own again. As long as a line is open, the relay does not end
// for want of connections.
//
//     target, has the entrance     LineHome line(…); line.free_ports(), for its engine
//     source, has the exit         LineHome line(…)
//     ---- freeze ----
//     source   line.hold()         no packet goes into the workload here any more: they wait at the
//                                  entrance, which knows from now on which connections are the
//                                  relay's, and so does an exit that is made there (RelayExit)
//     ---- committed ----
//     target   line.adopt(its address)   the host's kernel knows them as connections of its ports
//     target   line.end()          what has waited is given back to the host; the exit ends as well
//
// An abort: source: line.go_on(); target: the line's end. Who finds the exit held by a ferry that
// has gone may say go_on() as well.
class LineHome : private RelayTalk {
 public:
  explicit LineHome(RelayRecord relay);  // throws Error
  const RelayRecord& relay() const { return relay_; }

  // Throw Error.
  void hold() { ask("hold"); }
  void go_on() { ask("go on"); }
  void free_ports() { ask("free"); }
  void adopt(const kernel::IpAddr& workload) { ask("adopt " + workload.text()); }
  void end() const;  // does not wait for it

 private:
  RelayRecord relay_;
};

}  // namespace ferry::handover

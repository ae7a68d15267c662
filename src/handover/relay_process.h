// SPDX-License-Identifier: Apache-2.0
//
// The processes of a relay (relay.h), one at either end. Each is ferry's own program, started
// before the freeze, with its lanes open, so that the pause costs no more than a word; it takes no
// memory and no thread along from the ferry that started it, as a fork would. Until serve() it ends
// with that ferry, and gives back what has waited. After it, it goes on alone.
//
//     target   RelayExit exit(name, place, source's name, listen)
//              exit.port() and exit.key() go to the source
//     source   RelayEntrance entrance(…); entrance.stand_by();
//              Relay relay(entrance, {endpoint, key, target's name}, workload's address, policy)
//     ---- freeze ----
//     source   entrance.begin()
//     target   exit.know_connections()   the sockets are restored, nothing runs
//     ---- committed ----
//     target   exit.serve(its root's pid)   right before the workload runs
//     source   relay.serve(std::move(entrance))     it runs there
//
// A relay of that name which is here from an earlier move, and holds its ports, goes first:
// stop_relay() (relay_registry.h), also before an engine here is to publish them again.
//
// The way back: relay_talk.h.
//
// An abort: entrance.give_back(); the destructors end the rest.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/subprocess.h"
#include "handover/relay_entrance.h"
#include "handover/relay_exit.h"
#include "handover/relay_talk.h"
#include "transport/channel_tls.h"
#include "transport/socket.h"

namespace ferry::handover {

// Starts the process, whose standard input is `control`.
using LaunchRelay = std::function<base::Child(int control)>;
base::Child launch_relay(int control);  // `ferry relay serve`

// What both ends are to whoever started them.
class RelayProcess : protected RelayTalk {
 public:
  RelayProcess(RelayProcess&&) noexcept = default;
  RelayProcess& operator=(RelayProcess&&) = delete;
  ~RelayProcess();  // not served: it ends, and has ended when this returns

  pid_t pid() const { return pid_; }

 protected:
  // `task`: a JSON object.
  RelayProcess(std::string what, const std::string& task, const std::vector<int>& fds,
               const LaunchRelay& launch);
  void release();

  base::Child child_;
  pid_t pid_ = 0;
  std::string first_answer_;
};

class Relay : public RelayProcess {
 public:
  struct Peer {
    transport::Endpoint endpoint;  // where the exit listens
    transport::Key key;
    std::string host;  // as users call it
  };
  // Its lanes are open when this returns. Throws Error when they cannot be.
  Relay(const RelayEntrance& entrance, const Peer& peer, const kernel::IpAddr& workload,
        const RelayPolicy& policy = {}, const LaunchRelay& launch = launch_relay);

  // The workload runs over there: what has waited goes to it, and what comes from now on.
  void serve(RelayEntrance entrance);
};

class RelayExit : public RelayProcess {
 public:
  struct Listen {
    std::string address;  // empty: all
    std::optional<transport::PortRange> ports;
  };
  // `host`: the source, as users call it. Throws Error.
  RelayExit(const std::string& name, const RelayExitPlace& place, const std::string& host,
            const Listen& listen, const LaunchRelay& launch = launch_relay);

  uint16_t port() const { return port_; }
  const transport::Key& key() const { return key_; }
  // The workload's sockets are there, and nothing of it has run: its connections are the relay's.
  // Without this one that speaks before its client does would speak past the relay, and be reset.
  // Does not wait for it: that is to be done some milliseconds later, before CRIU ends the repair of
  // the sockets. Each of them speaks then (net/ipv4/tcp_output.c, tcp_send_window_probe), and finds
  // its way out also while its port is off the bridge: the host answers for the gateway there.
  void know_connections();
  void wait_until_known();
  // From now on it lives as long as its lanes, the workload's link and `root`, a process of the
  // workload (0: the namespace itself is held, and with it its link, if nobody deletes that).
  void serve(pid_t root);

 private:
  RelayExit(const std::string& name, const RelayExitPlace& place, const std::string& host,
            const Listen& listen, const LaunchRelay& launch, const transport::Key& key);

  uint16_t port_ = 0;
  transport::Key key_{};
  bool is_asked_ = false;  // what it knows, and has not answered yet
};

// In the process itself: `control`'s other end is one of the above. Until the relay's end, or until
// `stop_fd` is readable. The exit code.
int run_relay(int control, int stop_fd);

}  // namespace ferry::handover

// SPDX-License-Identifier: Apache-2.0
//
// What the ways of the containers of runc, crun and podman have in common: a network that the
// hand-written scripts make (hand_criu_scripts.h), a name, and a move by a script or by `ferry move
// ENGINE:NAME`.
#pragma once

#include "bench/ferry_way.h"
#include "bench/hand_criu.h"

namespace ferry::bench {

class EngineWay : public Way {
 public:
  static constexpr const char* kName = "bench";  // of the container

 protected:
  // `called`: what reports call the engine, as scenarios do (engine_hosts.h).
  EngineWay(const Hosts& hosts, std::string engine, std::string called)
      : hosts_(hosts), engine_(std::move(engine)), called_(std::move(called)) {}

  void install(const Workload& workload, const std::string& host) {
    for (const auto& each : {hosts_.roles().source, hosts_.roles().target}) workload.install(each);
    serves_ = workload.serves();
    at_ = host;
  }
  base::Argv script(const std::string& text, const base::Argv& arguments) const {
    return hand_script(hosts_, serves_, text, arguments);
  }
  MadeMove by_hand(const Leg& leg, const base::Argv& steps, std::vector<std::string> typed) {
    MadeMove made = move_by_script(hosts_, leg, steps, std::move(typed));
    made.move.engine = called_;
    made.move.mode = "checkpoint";
    if (made.moved()) has_moved(leg);
    return made;
  }
  MadeMove by_ferry(const Leg& leg, const std::string& mode) {
    MadeMove made = move_by_ferry(
        hosts_, leg, {"ferry", "move", engine_ + ":" + kName, hosts_.login(leg.to), "--mode", mode},
        called_, mode);
    if (made.moved()) has_moved(leg);
    return made;
  }
  virtual void has_moved(const Leg& leg) { at_ = leg.to; }

  const Hosts& hosts_;
  const std::string engine_;
  bool serves_ = false;
  std::string at_;  // the host where it is
  const std::string called_;
};

// `ferry move ENGINE:NAME`. `which`: of the engines that the way is for, where there are several.
template <typename Way>
class MovedByFerry final : public Way {
 public:
  template <typename... Which>
  MovedByFerry(const Hosts& hosts, std::string mode, const Which&... which)
      : Way(hosts, which...), mode_(std::move(mode)) {}
  std::string name() const override { return "ferry (" + this->called_ + ", " + mode_ + ")"; }
  MadeMove move(const Leg& leg) override { return this->by_ferry(leg, mode_); }

 private:
  std::string mode_;
};

}  // namespace ferry::bench

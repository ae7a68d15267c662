// SPDX-License-Identifier: Apache-2.0
//
// A workload in a container of runc or crun, moved by hand with its own checkpoint and restore, or
// by ferry. What serves clients has an address of its own, by a veth in the hosts' bridge, as a
// program that is moved by hand has it (hand_criu.h); the bundle has a small root with Python and
// nginx in it.
#pragma once

#include "bench/engine_way.h"

namespace ferry::bench {

class OciWay : public EngineWay {
 public:
  OciWay(const Hosts& hosts, const std::string& engine) : EngineWay(hosts, engine, engine) {}

  void start(const Workload& workload, const std::string& host) override;
  bool end() override;
  std::string output() const override;  // of all its stays, one after the other

 protected:
  std::string take_log(const std::string& host);
  void has_moved(const Leg& leg) override;

 private:
  std::string ferrys_log() const;  // where ferry has brought it

  std::string history_;  // what it has printed on hosts where it is no more
};

// runc checkpoint, scp, runc restore, or crun's; the bundle is there already.
class HandOci final : public OciWay {
 public:
  using OciWay::OciWay;
  std::string name() const override {
    return engine_ + " checkpoint + scp + " + engine_ + " restore";
  }
  MadeMove move(const Leg& leg) override;
};

using FerryOci = MovedByFerry<OciWay>;

}  // namespace ferry::bench

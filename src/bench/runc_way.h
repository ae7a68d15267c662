// SPDX-License-Identifier: Apache-2.0
//
// A workload in a container of runc, moved by hand with runc's own checkpoint and restore, or by
// ferry. What serves clients has an address of its own, by a veth in the hosts' bridge, as a
// program that is moved by hand has it (hand_criu.h); the bundle has a small root with Python and
// nginx in it.
#pragma once

#include "bench/engine_way.h"

namespace ferry::bench {

class RuncWay : public EngineWay {
 public:
  explicit RuncWay(const Hosts& hosts) : EngineWay(hosts, "runc") {}

  void start(const Workload& workload, const std::string& host) override;
  bool end() override;
  std::string output() const override;  // of all its stays, one after the other

 protected:
  std::string take_log(const std::string& host);
  void has_moved(const Leg& leg);

 private:
  std::string history_;  // what it has printed on hosts where it is no more
};

// runc checkpoint, scp, runc restore; the bundle is there already.
class HandRunc final : public RuncWay {
 public:
  using RuncWay::RuncWay;
  std::string name() const override { return "runc checkpoint + scp + runc restore"; }
  MadeMove move(const Leg& leg) override;
};

// `ferry move runc:NAME`.
class FerryRunc final : public RuncWay {
 public:
  FerryRunc(const Hosts& hosts, std::string mode) : RuncWay(hosts), mode_(std::move(mode)) {}
  std::string name() const override { return "ferry (runc, " + mode_ + ")"; }
  MadeMove move(const Leg& leg) override;

 private:
  std::string mode_;
};

}  // namespace ferry::bench

// SPDX-License-Identifier: Apache-2.0
//
// A workload in a container of podman (with runc), moved by hand with podman's own checkpoint and
// restore, or by ferry. What serves clients has a named network of its own, by a veth in the hosts'
// bridge, and so an address that moves; on podman's own networks: podman_bridge_way.h.
#pragma once

#include "bench/engine_way.h"

namespace ferry::bench {

inline constexpr const char* kPodman = "podman";
// NAME, after the address.
extern const char* const kPodmanEnd;

class PodmanWay : public EngineWay {
 public:
  explicit PodmanWay(const Hosts& hosts, std::string called = kPodman)
      : EngineWay(hosts, kPodman, std::move(called)) {}

  void start(const Workload& workload, const std::string& host) override;
  bool end() override;
  std::string output() const override;  // its log goes along

 protected:
  // What its clients come to, on that host; gives podman's words for what is behind it.
  virtual base::Argv make_network(const Workload& workload, const std::string& host) const;
  // That of a container that is to go: NAME, after the address.
  virtual std::string end_script() const;
};

// podman container checkpoint --export, scp, podman container restore --import; the image is there
// already.
class HandPodman final : public PodmanWay {
 public:
  using PodmanWay::PodmanWay;
  std::string name() const override { return "podman checkpoint + scp + podman restore"; }
  MadeMove move(const Leg& leg) override;
};

using FerryPodman = MovedByFerry<PodmanWay>;

// An image of the host's own Python, on both hosts the same; and podman's storage, where the host's
// root is an overlay itself.
void make_podman_image(const Hosts& hosts);

}  // namespace ferry::bench

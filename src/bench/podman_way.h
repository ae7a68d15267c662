// SPDX-License-Identifier: Apache-2.0
//
// A workload in a container of podman (with runc), moved by hand with podman's own checkpoint and
// restore, or by ferry. What serves clients has a named network of its own, by a veth in the hosts'
// bridge, since podman's own have no address that could move.
#pragma once

#include "bench/engine_way.h"

namespace ferry::bench {

class PodmanWay : public EngineWay {
 public:
  explicit PodmanWay(const Hosts& hosts) : EngineWay(hosts, "podman") {}

  void start(const Workload& workload, const std::string& host) override;
  bool end() override;
  std::string output() const override;  // its log goes along
};

// podman container checkpoint --export, scp, podman container restore --import; the image is there
// already.
class HandPodman final : public PodmanWay {
 public:
  using PodmanWay::PodmanWay;
  std::string name() const override { return "podman checkpoint + scp + podman restore"; }
  MadeMove move(const Leg& leg) override;
};

// `ferry move podman:NAME`.
class FerryPodman final : public PodmanWay {
 public:
  FerryPodman(const Hosts& hosts, std::string mode) : PodmanWay(hosts), mode_(std::move(mode)) {}
  std::string name() const override { return "ferry (podman, " + mode_ + ")"; }
  MadeMove move(const Leg& leg) override;

 private:
  std::string mode_;
};

// An image of the host's own Python, on both hosts the same; and podman's storage, where the host's
// root is an overlay itself.
void make_podman_image(const Hosts& hosts);

}  // namespace ferry::bench

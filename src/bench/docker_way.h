// SPDX-License-Identifier: Apache-2.0
//
// A workload in a docker container, moved by hand as the assignment's recipe has it, or by ferry.
// What serves clients has an address of its own on the hosts' network (macvlan on their bridge), so
// its connections can go along; the looper has docker's own network, a terminal and an open stdin,
// as in the recipe.
#pragma once

#include "bench/way.h"

namespace ferry::bench {

class DockerWay : public Way {
 public:
  explicit DockerWay(const Hosts& hosts) : hosts_(hosts) {}

  void start(const Workload& workload, const std::string& host) override;
  bool end() override;
  std::string output() const override;  // of all its stays, one after the other

  static constexpr const char* kName = "bench";  // of the container
  static constexpr const char* kImage = "python";

 protected:
  // What follows `docker run -d` or `docker create`.
  base::Argv create_arguments() const;
  std::string log_of(const std::string& host) const;
  std::string first_line_on(const std::string& host) const;  // of its log; "": none comes

  const Hosts& hosts_;
  base::Argv command_;
  bool serves_ = false;
  std::string at_;       // the host where it is
  std::string history_;  // what it has printed on hosts where it is no more
};

// The recipe: checkpoint, scp, create, start from the checkpoint, look at the log.
class HandDocker final : public DockerWay {
 public:
  using DockerWay::DockerWay;
  std::string name() const override { return "docker checkpoint + scp + docker start"; }
  MadeMove move(const Leg& leg) override;

 private:
  int checkpoints_ = 0;  // each gets a name of its own: it comes along to the other host
};

// `ferry move docker:NAME`.
class FerryDocker final : public DockerWay {
 public:
  FerryDocker(const Hosts& hosts, std::string mode) : DockerWay(hosts), mode_(std::move(mode)) {}
  std::string name() const override { return "ferry (docker, " + mode_ + ")"; }
  MadeMove move(const Leg& leg) override;

 private:
  std::string mode_;
};

// The network of what serves, on one host; made once.
void make_docker_network(const Hosts& hosts, const std::string& host);

}  // namespace ferry::bench

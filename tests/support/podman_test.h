// SPDX-License-Identifier: Apache-2.0
//
// What tests of podman's containers share: hosts with podman and its runtime, and on east an image with a
// Python of its own and something in /data, of which they run the container "box".
#pragma once

#include "support/container_test.h"

namespace ferry::testing {

// east and west have podman, north has none.
class PodmanTest : public ContainerTest {
 protected:
  static void SetUpTestSuite();
  // `layers` have podman and what it calls; `prepare`: a script for hosts that have them. No lab: one is not there.
  static void make_hosts(const std::vector<base::Path>& layers, const std::string& prepare = "true");
  static void TearDownTestSuite() { lab_.reset(); }
  void SetUp() override;
  void TearDown() override;

  virtual std::string runtime() const { return "runc"; }

  // `podman run OPTIONS IMAGE COMMAND` as "box" on east.
  void run(const std::string& options, const std::string& command) const;
  void run_looper(const std::string& options = "--network none") const;
  // The web counter, at kAddress in a network namespace that has been made for it.
  // `link`: makes eth0 there.
  static constexpr const char* kVeth =
      "ip link add vbox type veth peer name eth0 netns box && ip link set vbox master br0 up";
  static constexpr const char* kMacvlan = "ip link add link br0 name eth0 netns box type macvlan";
  void run_web_counter(const std::string& options = "", const std::string& link = kVeth) const;
  Connection connect() const { return {*lab_, "north", kAddress, kPort}; }
  Json move(const std::string& from, const std::string& to, const Argv& options = {}) const {
    return FerryTest::move("podman:box", from, to, options);
  }
  // "running", …; "": `podman ps -a` has none.
  std::string state(const std::string& host, const std::string& name = "box") const;
  std::string log(const std::string& host) const;  // as `podman logs` tells it
  int lines(const std::string& host) const { return looper_lines(log(host), 0); }
  bool goes_on(const std::string& host) const;
  // What podman and its runtime keep of containers; empty: nothing.
  std::string traces(const std::string& host) const;

  // ---- what is to be true, whichever runtime it calls ----
  // Its first move brings the image along. podman's restart policy starts no second one.
  void goes_on_there_and_back() const;
  void connections_and_files_go_along() const;
  // Of a container without a network.
  void its_loopback_goes_along() const;
  // Wherever it fails before it runs there, it goes on here, and nothing of it stays there.
  void a_failed_move_leads_back() const;
  // `podman run --rm`: before the commit nothing removes it here, after it only its end does there.
  void one_removed_at_its_end_goes_on() const;
  // Its guard, or `ferry resolve`, does what the killed one cannot do any more.
  void a_killed_ferry_is_finished() const;
};

}  // namespace ferry::testing

// SPDX-License-Identifier: Apache-2.0
//
// What tests of the containers of runc, and of crun, share: hosts with that engine and a bundle with
// a Python of its own, and the container "box" in it. And what is to be true of either.
#pragma once

#include <functional>

#include "support/container_test.h"

namespace ferry::testing {

inline constexpr const char* kNetwork = "/run/netns/box";
inline constexpr const char* kHostNetwork = "host";
inline constexpr const char* kOtherRoot = "/run/other";  // of an engine that is called with --root

// east and west have runc, north has none.
class RuncTest : public ContainerTest {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite() { lab_.reset(); }
  void SetUp() override;
  void TearDown() override;
  virtual std::string engine() const { return "runc"; }
  // `layer` has the engine; `prepare`: a script for hosts that have it. No lab: it is not there.
  static void make_hosts(const std::string& engine, const base::Path& layer,
                         const std::string& prepare = "true");
  static std::string bundle();  // on east, of this test

  // Its output: a pipe, as a supervisor's would be. `network`: the path of its network namespace,
  // or kHostNetwork; empty: it gets one of its own.
  enum class Root { kWritable, kReadOnly };
  void run(const Argv& command, const std::string& name = "box", const std::string& network = "",
           Root root = Root::kWritable) const;
  void run_looper(Root root = Root::kWritable) const;
  // The web counter in a network of its own on east's segment, as people make it with ip-netns(8):
  // kNetwork, with kAddress on a veth in `segment` or a macvlan on it. Nameless: its engine makes
  // one for it, and the link comes when it runs.
  enum class Name { kNone, kNetns };
  enum class Kind { kVeth, kMacvlan };
  void run_web_counter(Name name = Name::kNetns, Kind kind = Kind::kVeth,
                       const std::string& segment = "br0") const;
  // What is to go along of that network.
  std::string network_of(const std::string& host) const;
  // From north: 200 requests/s on 10 connections, each the next number.
  Background start_counter_load() const;
  // Ferry is killed before the commit, on either side, and after it: each time its guard does what
  // it cannot do any more, and a client with an open connection notices nothing. `has_left`: nothing
  // of it is on that host.
  void expect_guard_finishes(const std::function<bool(const std::string& host)>& has_left) const;
  Connection connect() const { return {*lab_, "north", kAddress, kPort}; }
  Json move(const std::string& from, const std::string& to, const Argv& options = {}) const {
    return FerryTest::move(engine() + ":box", from, to, options);
  }
  // "": the engine knows none.
  std::string state(const std::string& name, const std::string& host) const;
  // At the source what its supervisor got, after a move what ferry keeps; here the one after the
  // other. Of earlier arrivals that failed the engine's complaints are in it, too.
  std::string log(const std::string& host) const;
  int lines(const std::string& host) const { return looper_lines(log(host)); }
  bool goes_on(const std::string& host) const;
  std::string last_line(const std::string& host) const;
  // Of one with an address: neither the name nor a link that could answer, and no job that somebody
  // is still at.
  static bool network_has_left(const std::string& host);
  // Its engine's memory of it, its bundle and its cgroups; empty: nothing.
  std::string remains(const std::string& host) const;

  // ---- what is to be true, whichever engine it is ----
  void goes_on_there_and_back() const;
  // As `runc --root DIR` knows it, there and after one that is killed there; and by another one on the way back,
  // whose source is killed after the commit. Guards know of the directories.
  void goes_on_in_another_state_directory() const;
  // Its memory goes ahead of it, and what is written meanwhile is not lost, in every mode.
  void memory_is_as_it_was() const;
  void connections_go_along() const;
  // Of a container in the host's network, those by an address of the host that moves with it.
  void a_service_address_goes_along() const;
  // Of a container without a network.
  void its_loopback_goes_along() const;
  // Its root is read-only, and there is no /tmp in it.
  void one_that_may_write_nowhere_goes_on() const;
  // What the engine made has no name.
  void a_nameless_network_goes_along() const;
  void what_it_has_written_goes_along() const;
  // Of memory, CPU time and processes (cgroup v2): they are there, and hold; those, too, that were changed since.
  void limits_go_along() const;
  // Only those that are named, and only where nothing else is; what a failed move has made there goes.
  void what_is_bound_goes_along() const;
  // Wherever it fails before it runs there, it goes on here, and nothing of it stays there.
  void a_failed_move_leads_back() const;
  // Its guard, or `ferry resolve`, does what the killed one cannot do any more.
  void a_killed_ferry_is_finished() const;
};

// east and west have crun and its suite's userland, and one version of cgroups (v1).
class CrunTest : public RuncTest {
 protected:
  static void SetUpTestSuite();
  std::string engine() const override { return "crun"; }
};

}  // namespace ferry::testing

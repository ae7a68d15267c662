// SPDX-License-Identifier: Apache-2.0
//
// What tests of runc containers share: hosts with runc and a bundle with a Python of its own, and
// the container "box" in it.
#pragma once

#include <functional>

#include "support/container_test.h"

namespace ferry::testing {

// east and west have runc, north has none.
inline constexpr const char* kNetwork = "/run/netns/box";

class RuncTest : public ContainerTest {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite() { lab_.reset(); }
  void SetUp() override;
  void TearDown() override;
  static std::string bundle();  // on east, of this test

  // Its output: a pipe, as a supervisor's would be. `network`: the path of its network namespace;
  // empty: it gets one of its own.
  void run(const Argv& command, const std::string& name = "box",
           const std::string& network = "") const;
  void run_looper() const;
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
    return FerryTest::move("runc:box", from, to, options);
  }
  std::string state(const std::string& name, const std::string& host) const;  // "": runc knows none
  // At the source what its supervisor got, after a move what ferry keeps; here the one after the
  // other. Of earlier arrivals that failed the engine's complaints are in it, too.
  std::string log(const std::string& host) const;
  int lines(const std::string& host) const { return looper_lines(log(host)); }
  bool goes_on(const std::string& host) const;
  std::string last_line(const std::string& host) const;
};

}  // namespace ferry::testing

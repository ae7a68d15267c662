// SPDX-License-Identifier: Apache-2.0
#include "runtime/container_network.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "kernel/named_network.h"
#include "kernel/namespaces.h"

namespace ferry::runtime {
namespace {

using nlohmann::json;

json with_network(const json& network) {
  return {{"linux", {{"namespaces", {{{"type", "pid"}}, network}}}}};
}

TEST(ContainerNetwork, OnlyANameThatStaysIsOne) {
  EXPECT_EQ(network_name(with_network({{"type", "network"}, {"path", "/run/netns/box"}})),
            "/run/netns/box");
  EXPECT_EQ(network_name(with_network({{"type", "network"}})), "");
  EXPECT_EQ(network_name(with_network({{"type", "network"}, {"path", "/proc/1/ns/net"}})),
            "");  // of some process
  EXPECT_EQ(network_name(with_network({{"type", "ipc"}, {"path", "/run/ipcns/box"}})), "");
  EXPECT_EQ(network_name(json::object()), "");
}

TEST(ContainerNetwork, WhoeverIsInItBesidesTheContainerIsFound) {
  if (::geteuid() != 0) GTEST_SKIP() << "a network namespace takes root";
  const base::Fd netns = kernel::make_network();
  const base::FdPair ready = base::make_pipe();
  const pid_t guest = ::fork();
  if (guest == 0) {
    const char done = ::setns(netns.get(), CLONE_NEWNET) == 0 ? 'y' : 'n';
    (void)!::write(ready.second.get(), &done, 1);
    ::pause();
    ::_exit(0);
  }
  char done = 'n';
  EXPECT_EQ(::read(ready.first.get(), &done, 1), 1);
  EXPECT_EQ(done, 'y');
  const auto network = kernel::namespace_id(guest, "net"),
             pids = kernel::namespace_id(guest, "pid");
  EXPECT_EQ(guest_of(network, 0), guest);
  EXPECT_EQ(guest_of(network, pids), 0);  // its own
  ::kill(guest, SIGKILL);
  ::waitpid(guest, nullptr, 0);
  EXPECT_EQ(guest_of(network, 0), 0);
}

}  // namespace
}  // namespace ferry::runtime

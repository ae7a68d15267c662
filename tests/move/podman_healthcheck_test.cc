// SPDX-License-Identifier: Apache-2.0
//
// A container that podman checks while it moves: systemd's timer calls `podman healthcheck run`,
// and here a loop does. What a check concludes of a container that is just frozen, or that has
// gone, changes nothing.
#include <fmt/format.h>
#include <signal.h>

#include "support/podman_test.h"

namespace ferry::testing {
namespace {

constexpr const char* kChecked =
    "--network none --restart on-failure --health-cmd 'sleep 0.3' --health-interval disable "
    "--health-retries 1 --health-on-failure restart";
constexpr const char* kCheckAllTheTime =
    "while :; do podman healthcheck run box; echo \"checked: $?\"; sleep 0.1; done >/tmp/checks "
    "2>&1 </dev/null";

TEST_F(PodmanTest, ItsHealthchecksStartNoSecondOne) {
  const auto expect_checked = [&](const std::string& host) {
    const auto count = [&] {
      return std::stoi(lab_->shell(host, "cat /tmp/checks | grep -c '^checked: 0'").out);
    };
    const int before = count();
    EXPECT_TRUE(comes_true([&] { return count() > before; }))
        << lab_->shell(host, "tail /tmp/checks").out;
  };
  // Not even for a moment: podman notes each start.
  const auto starts = [&](const std::string& host) {
    return lab_->check(host,
                       "podman events --stream=false --since 1h --filter event=start --filter "
                       "container=box | wc -l");
  };
  const auto east_before = std::stoi(starts("east")), west_before = std::stoi(starts("west"));
  run_looper(kChecked);
  auto on_east = lab_->start("east", {"sh", "-c", kCheckAllTheTime}),
       on_west = lab_->start("west", {"sh", "-c", kCheckAllTheTime});
  expect_checked("east");
  // Long enough for some of them to come upon a frozen one.
  const auto failed = ferry("east", {"move", "podman:box", "root@west"},
                            "source.dumped=stall:1500,target.restored=fail");
  EXPECT_EQ(failed.status, 1) << failed.out << failed.err;
  EXPECT_EQ(state("east"), "running");
  EXPECT_TRUE(goes_on("east")) << log("east");
  expect_checked("east");
  std::string from = "east", to = "west";
  for (int times = 0; times < 2; ++times) {
    const auto moved = ferry(from, {"move", "podman:box", "root@" + to},
                             "source.dumped=stall:800,source.granted=stall:800");
    EXPECT_EQ(moved.status, 0) << moved.out << moved.err;
    EXPECT_TRUE(goes_on(to)) << log(to);
    EXPECT_EQ(state(from), "");
    EXPECT_EQ(lab_->shell(from, "pgrep -f '[l]ooper.py'").out, "");
    expect_checked(to);
    std::swap(from, to);
  }
  for (auto* loop : {&on_east, &on_west}) {
    loop->signal(SIGTERM);
    loop->wait();
  }
  EXPECT_TRUE(comes_true([&] { return traces("west").empty(); })) << traces("west");
  EXPECT_EQ(std::stoi(starts("east")) - east_before, 1);
  EXPECT_EQ(std::stoi(starts("west")) - west_before, 0);
}

}  // namespace
}  // namespace ferry::testing

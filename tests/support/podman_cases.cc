// SPDX-License-Identifier: Apache-2.0
//
// What is to be true of a container of podman's, whether that calls runc or crun.
#include <fmt/format.h>

#include "support/podman_test.h"

namespace ferry::testing {

void PodmanTest::goes_on_there_and_back() const {
  run_looper("--network none --restart always --hostname box");
  const auto id = lab_->check("east", "podman inspect -f '{{.Id}} {{.Image}}' box");
  std::string from = "east", to = "west";
  for (int times = 0; times < 2; ++times) {
    const auto report = move(from, to);
    ASSERT_FALSE(report.is_null());
    EXPECT_EQ(report["engine"], "podman");
    EXPECT_EQ(report["mode"], "pre") << report.dump(1);
    EXPECT_EQ(state(to), "running");
    EXPECT_TRUE(comes_true([&] { return traces(from).empty(); })) << traces(from);
    EXPECT_TRUE(goes_on(to)) << log(to);  // of one log, from its first line on
    EXPECT_EQ(lab_->check(to, "podman inspect -f '{{.Id}} {{.Image}}' box"), id);
    EXPECT_EQ(lab_->check(to, "podman exec box cat /proc/sys/kernel/hostname"), "box");
    std::swap(from, to);
  }
  lab_->check("east", "podman stop -t 1 box");
  EXPECT_EQ(state("east"), "exited");
  EXPECT_EQ(lab_->check("east", "podman start box"), "box");  // a container like any other
  EXPECT_EQ(state("east"), "running");
}

void PodmanTest::connections_and_files_go_along() const {
  lab_->check("east", "mkdir /srv/box && echo bound >/srv/box/file");
  run_web_counter("-e COLOUR=blue --label tier=front -v /srv/box:/bound");
  auto open = connect();
  EXPECT_EQ(open.next(), 1);
  lab_->check("east",
              "podman exec box sh -c 'echo kept >/etc/kept; rm -r /usr/src; echo x >/dev/shm/x'");
  ASSERT_FALSE(move("east", "west", {"--with-bind", "/srv/box"}).is_null());
  EXPECT_EQ(open.next(), 2);
  EXPECT_TRUE(open.is_established());
  EXPECT_EQ(lab_->check("west",
                        "podman exec box sh -c 'cat /etc/kept /dev/shm/x /bound/file; "
                        "echo $COLOUR; ls -d "
                        "/usr/src'; podman inspect -f '{{.Config.Labels.tier}}' box"),
            "kept\nx\nbound\nblue\nfront");
  ASSERT_FALSE(move("west", "east").is_null());
  EXPECT_EQ(open.next(), 3);
  EXPECT_EQ(traces("west"), "");
}

void PodmanTest::its_loopback_goes_along() const {
  run("--network none", fmt::format("python3 -c '{}'", kTalksToItself));
  ASSERT_TRUE(comes_true([&] { return lines("east") >= 3; })) << log("east");
  for (const auto& [from, to] : {std::pair("east", "west"), std::pair("west", "east")}) {
    ASSERT_FALSE(move(from, to).is_null());
    EXPECT_TRUE(goes_on(to)) << log(to);
  }
}

void PodmanTest::a_failed_move_leads_back() const {
  run_looper("--network none -v data:/data");
  for (const char* fault :
       {"target.defined=fail", "source.before_freeze=fail", "source.frozen=fail",
        "source.dumped=fail", "source.sent=fail", "target.restoring=fail", "target.restored=fail",
        "source.restored=fail", "target.opening=fail"}) {
    const auto result = ferry("east", {"move", "podman:box", "root@west"}, fault);
    EXPECT_EQ(result.status, 1) << fault << result.out << result.err;
    EXPECT_TRUE(goes_on("east")) << fault << log("east");
    EXPECT_EQ(state("east"), "running") << fault;
    EXPECT_TRUE(comes_true([&] { return traces("west").empty(); })) << fault << traces("west");
  }
  ASSERT_FALSE(move("east", "west").is_null());
  EXPECT_TRUE(goes_on("west"));
}

void PodmanTest::one_removed_at_its_end_goes_on() const {
  run_looper("--network none --rm -v data:/data");
  for (const char* fault : {"target.defined=fail", "target.restored=kill"}) {
    EXPECT_NE(ferry("east", {"move", "podman:box", "root@west"}, fault).status, 0) << fault;
    EXPECT_TRUE(comes_true([&] { return traces("west").empty(); }, 30'000))
        << fault << traces("west");
    EXPECT_TRUE(comes_true([&] { return goes_on("east"); }, 30'000)) << fault << log("east");
  }
  const auto kept = ferry("east", {"move", "podman:box", "root@west", "--keep-source"});
  EXPECT_EQ(kept.status, 3) << kept.err;
  EXPECT_NE(kept.err.find("podman removes it when it ends"), std::string::npos) << kept.err;
  std::string from = "east", to = "west";
  for (int times = 0; times < 2; ++times) {
    ASSERT_FALSE(move(from, to).is_null());
    EXPECT_TRUE(goes_on(to)) << log(to);
    EXPECT_TRUE(comes_true([&] { return traces(from).empty(); })) << traces(from);
    EXPECT_EQ(lab_->check(to, "podman inspect -f '{{.HostConfig.AutoRemove}}' box"), "true");
    std::swap(from, to);
  }
  lab_->check("east", "podman stop -t 0 box");
  EXPECT_TRUE(comes_true([&] { return state("east").empty(); }));
  EXPECT_EQ(lab_->check("east", "podman volume ls -q"), "data");  // as podman has it
}

void PodmanTest::a_killed_ferry_is_finished() const {
  run_looper("--network none -v data:/data");
  for (const char* fault : {"target.defined=kill", "source.frozen=kill", "source.dumped=kill",
                            "source.restored=kill", "target.restored=kill"}) {
    EXPECT_NE(ferry("east", {"move", "podman:box", "root@west"}, fault).status, 0) << fault;
    EXPECT_TRUE(comes_true([&] { return goes_on("east"); }, 30'000)) << fault << log("east");
    EXPECT_TRUE(comes_true([&] { return traces("west").empty(); }, 30'000))
        << fault << traces("west");
  }
  ASSERT_NE(ferry("east", {"move", "podman:box", "root@west"}, "source.granted=kill").status, 0);
  EXPECT_TRUE(
      comes_true([&] { return state("west") == "running" && traces("east").empty(); }, 60'000))
      << ferry("east", {"resolve", "podman:box"}).out << traces("east");
  EXPECT_TRUE(comes_true([&] { return goes_on("west"); }, 30'000)) << log("west");
}

}  // namespace ferry::testing

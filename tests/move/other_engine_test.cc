// SPDX-License-Identifier: Apache-2.0
//
// A host's second docker daemon, and a second storage of podman's: what is named is found, at the
// target by
// --target-engine-env, and nothing of the usual one is touched.
#include <fmt/format.h>

#include "support/docker_test.h"
#include "support/podman_test.h"

namespace ferry::testing {
namespace {

constexpr const char* kOtherDocker = "DOCKER_HOST=unix:///run/other/docker.sock";

// With all that is its own, a bridge too: without one it would remove docker0. Its containers end
// with it.
class OtherDaemon {
 public:
  OtherDaemon(const Lab& lab, std::string host) : lab_(lab), host_(std::move(host)) {
    lab_.check(host_, R"sh(
      mkdir -p /var/lib/other /run/other && mount -t tmpfs other /var/lib/other
      ip link add other0 type bridge && ip addr add 172.29.0.1/24 dev other0 && ip link set other0 up
      setsid dockerd --host unix:///run/other/docker.sock --data-root /var/lib/other --exec-root /run/other/exec \
          --pidfile /run/other/docker.pid --bridge other0 --iptables=false </dev/null >/var/log/other.log 2>&1 &
      for i in $(seq 300); do docker --host unix:///run/other/docker.sock version >/dev/null 2>&1 && exit 0; sleep 0.1; done
      tail -n 20 /var/log/other.log >&2; exit 1)sh");
  }
  ~OtherDaemon() {
    (void)docker("ps -aq | xargs -r docker rm -fv");
    lab_.shell(host_,
               "kill $(cat /run/other/docker.pid); while [ -e /run/other/docker.pid ]; do sleep "
               "0.05; done; umount -l /var/lib/other; ip link del other0");
  }
  Result docker(const std::string& words) const {
    return lab_.shell(host_, fmt::format("export {}; docker {}", kOtherDocker, words));
  }
  std::string log(const std::string& name) const {
    return docker(fmt::format("logs {} 2>&1", name)).out;
  }
  bool is_empty() const { return docker("ps -aq").out.empty(); }

 private:
  const Lab& lab_;
  std::string host_;
};

TEST_F(DockerTest, OneOfAnotherDaemonThereAndBack) {
  const OtherDaemon other(*lab_, "west");
  run_looper("looper", "--network none --restart always");
  const Argv there{"move", "docker:looper", "root@west", "--target-engine-env", kOtherDocker};
  EXPECT_NE(ferry("east", there, "target.restored=kill").status,
            0);  // its guard has the same daemon
  EXPECT_TRUE(comes_true([&] { return other.is_empty(); }, 30'000)) << other.docker("ps -a").out;
  EXPECT_TRUE(goes_on("looper", "east"));
  const auto moved = ferry("east", there);
  ASSERT_EQ(moved.status, 0) << moved.err;
  const int before = looper_lines(other.log("looper"), 0);
  EXPECT_TRUE(before > 0 &&
              comes_true([&] { return looper_lines(other.log("looper"), 0) > before + 3; }))
      << other.log("looper");
  EXPECT_TRUE(inspect("looper", "west").is_null()) << "the usual daemon has none";
  EXPECT_EQ(other.docker("inspect -f '{{.HostConfig.RestartPolicy.Name}}' looper").out, "always\n");
  const auto back =
      lab_->shell("west", fmt::format("{} ferry move docker:looper root@east", kOtherDocker));
  ASSERT_EQ(back.status, 0) << back.err;
  EXPECT_TRUE(goes_on("looper", "east"));
  EXPECT_TRUE(other.is_empty());
}

// Nobody is left but a person, whose own environment says nothing of that daemon.
TEST_F(DockerTest, OneOfAnotherDaemonIsResolvedThere) {
  const OtherDaemon other(*lab_, "west");
  run_looper("looper", "--network none --restart always");
  const auto kill_all = [&](const std::string& host) {
    lab_->shell(host,
                "pkill -KILL -f '[e]xe guard'; pkill -KILL -f '[f]erry (move|receive)'; true");
  };
  const auto is_stalled = [&](const std::string& host, const std::string& state) {
    return comes_true([&] {
      return lab_->shell(host,
                         fmt::format(
                             "tail -qn 1 /var/lib/ferry/journal/*.jsonl | grep '\"state\":\"{}\"'",
                             state))
                 .status == 0;
    });
  };
  auto there = start_ferry(
      "east", {"move", "docker:looper", "root@west", "--target-engine-env", kOtherDocker},
      "target.restored=stall:60000");
  ASSERT_TRUE(is_stalled("west", "restoring"));
  for (const char* host : {"east", "west"}) kill_all(host);
  there.wait();
  EXPECT_FALSE(other.is_empty());
  for (const char* host : {"west", "east"}) EXPECT_EQ(ferry(host, {"resolve"}).status, 0) << host;
  EXPECT_TRUE(other.is_empty()) << other.docker("ps -a").out;
  EXPECT_TRUE(goes_on("looper", "east"));
  ASSERT_FALSE(move("looper", "east", "west", {"--target-engine-env", kOtherDocker}).is_null());
  // And at the source.
  auto back = lab_->start("west", {"env", kOtherDocker, "FERRY_FAULTS=source.granted=stall:60000",
                                   "ferry", "move", "docker:looper", "root@east"});
  ASSERT_TRUE(comes_true([&] { return goes_on("looper", "east"); }));
  kill_all("west");
  back.wait();
  EXPECT_FALSE(other.is_empty());
  EXPECT_EQ(ferry("west", {"resolve"}).status, 0);
  EXPECT_TRUE(other.is_empty()) << other.docker("ps -a").out;
  EXPECT_TRUE(goes_on("looper", "east"));
}

TEST_F(DockerTest, WhatIsNamedOfTheTargetsEngineMustBeThere) {
  run_looper("looper", "--network none");
  const auto expect_refusal = [&](const std::string& variable, int status,
                                  const std::string& words) {
    const auto told =
        ferry("east", {"check", "docker:looper", "root@west", "--target-engine-env", variable});
    EXPECT_EQ(told.status, status) << variable << told.out << told.err;
    EXPECT_NE((told.out + told.err).find(words), std::string::npos)
        << words << " in " << told.out << told.err;
  };
  expect_refusal("DOCKER_HOST=unix:///run/none.sock", 3, "there is no socket /run/none.sock here");
  lab_->check("west",
              "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"/run/dead.sock\")'");
  expect_refusal("DOCKER_HOST=unix:///run/dead.sock", 3, "dockerd --host unix:///run/dead.sock");
  lab_->check("west", "rm /run/dead.sock");
  expect_refusal("PATH=/opt/none", 3, "no docker in /opt/none");
  expect_refusal("DOCKER_HOST=tcp://10.77.0.2:2375", 2, "no socket of the target itself");
  expect_refusal("LD_PRELOAD=/tmp/x.so", 2, "DOCKER_HOST, PATH");
}

constexpr const char* kOtherStorage = "CONTAINERS_STORAGE_CONF=/etc/other-storage.conf";

// What runs podman has to keep where it does at the source.
TEST_F(PodmanTest, OneOfAnotherStorageThereAndBack) {
  const auto configure = [&](const std::string& running) {
    lab_->check("west", fmt::format("printf '[storage]\\ndriver = \"overlay\"\\ngraphroot = "
                                    "\"/var/lib/containers/other\"\\n"
                                    "runroot = \"{}\"\\n' >/etc/other-storage.conf",
                                    running));
  };
  const auto there = [&](const std::string& words) {
    return lab_->shell("west", fmt::format("export {}; {}", kOtherStorage, words));
  };
  const auto their_lines = [&] { return looper_lines(there("podman logs box 2>&1").out, 0); };
  const Argv move_there{"move", "podman:box", "root@west", "--target-engine-env", kOtherStorage};
  run_looper();
  configure("/run/containers/other");
  const auto refused = ferry("east", move_there);
  EXPECT_EQ(refused.status, 3) << refused.err;
  EXPECT_NE(refused.err.find("the same runroot"), std::string::npos) << refused.err;
  there("rm -rf /var/lib/containers/other");  // podman remembers which one it had
  configure("/run/containers/storage");
  EXPECT_NE(ferry("east", move_there, "target.restored=kill").status, 0);
  EXPECT_TRUE(comes_true([&] { return there("podman ps -aq").out.empty(); }, 30'000))
      << there("podman ps -a").out;
  EXPECT_TRUE(goes_on("east"));
  const auto moved = ferry("east", move_there);
  ASSERT_EQ(moved.status, 0) << moved.err;
  const int before = their_lines();
  EXPECT_TRUE(before > 0 && comes_true([&] { return their_lines() > before + 3; }))
      << there("podman logs box").out;
  EXPECT_EQ(state("west"), "") << "the usual storage has none";
  const auto back = there("ferry move podman:box root@east");
  ASSERT_EQ(back.status, 0) << back.err;
  EXPECT_TRUE(goes_on("east"));
  EXPECT_EQ(there("podman ps -aq").out, "");
  there("podman rmi -a -f; rm -rf /var/lib/containers/other /etc/other-storage.conf");
}

}  // namespace
}  // namespace ferry::testing

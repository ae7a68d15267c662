// SPDX-License-Identifier: Apache-2.0
//
// Docker containers from one virtual host to another by one command: what goes along, what is refused beforehand and why, and that
// a move which fails anywhere leaves the container going on where it was.
#include <fmt/format.h>

#include "support/docker_test.h"

namespace ferry::testing {
namespace {

TEST_F(DockerTest, TheLooperGoesOnWithTheNextNumberThereAndBack) {
  run_looper("looper");
  const auto there = move("looper", "east", "west");
  ASSERT_FALSE(there.is_null());
  EXPECT_EQ(there["engine"], "docker");
  EXPECT_GT(there["frozen_ms"], 0);
  EXPECT_TRUE(goes_on("looper", "west"));
  EXPECT_TRUE(inspect("looper", "east").is_null());

  const auto back = move("looper", "west", "east");
  ASSERT_FALSE(back.is_null());
  EXPECT_TRUE(goes_on("looper", "east"));
}

// With an address of its own. Its clients notice a pause, and neither lose their connections nor an answer.
TEST_F(DockerTest, AServiceKeepsItsConnections) {
  run_web_counter();
  Connection client(*lab_, "north", kAddress, kPort);
  const auto identity = client.get("/id");
  EXPECT_EQ(client.next(), 1);
  const auto there = move("web", "east", "west");
  ASSERT_FALSE(there.is_null());
  EXPECT_EQ(there["mode"], "pre");
  EXPECT_EQ(there["parking"]["on"], true);
  EXPECT_EQ(client.next(), 2);
  ASSERT_FALSE(move("web", "west", "east").is_null());
  EXPECT_EQ(client.next(), 3);
  EXPECT_EQ(client.get("/id"), identity);
  EXPECT_EQ(Connection(*lab_, "north", kAddress, kPort).next(), 4);
}

constexpr const char* kHostService = "10.77.0.50";

// In the network of the host, by an address of the host that moves with it. Whoever is killed, and wherever a move fails, one host
// has both.
TEST_F(DockerTest, AServiceAddressOfTheHostGoesAlong) {
  const auto has_address = [](const std::string& host) {
    return lab_->shell(host, fmt::format("ip -o addr | grep -q ' {}/'", kHostService)).status == 0;
  };
  const auto expect_only_on = [&](const std::string& host) {
    const std::string other = host == "east" ? "west" : "east";
    EXPECT_TRUE(has_address(host));
    EXPECT_TRUE(comes_true([&] { return !has_address(other); }));
    for (const auto& one : {host, other})
      EXPECT_TRUE(comes_true([&] { return lab_->shell(one, "ip tuntap list").out.empty(); })) << lab_->shell(one, "ip tuntap list").out;
  };
  const Argv move_words{"move", "docker:web", "root@west", "--address", kHostService};
  lab_->check("east", fmt::format("ip addr add {}/24 dev br0", kHostService));
  lab_->check("east", fmt::format("docker run -d --name web --network host -v {}/programs:/programs:ro python python3 "
                                  "/programs/web_counter.py {}", FERRY_BINARY_DIR, kPort));
  ASSERT_TRUE(comes_true([&] { return log("web", "east").find("READY") != std::string::npos; }));
  Connection client(*lab_, "north", kHostService, kPort);
  int last = 0;
  EXPECT_EQ(client.next(), ++last);
  EXPECT_EQ(ferry("east", {"move", "docker:web", "root@west"}).status, 3) << "its connection would stay";
  for (const char* fault : {"source.dumped=kill", "source.restored=fail", "target.restoring=fail", "target.restored=kill"}) {
    EXPECT_NE(ferry("east", move_words, fault).status, 0) << fault;
    EXPECT_EQ(client.next(), ++last) << fault;
    EXPECT_TRUE(comes_true([&] { return inspect("web", "west").is_null(); }, 30'000)) << fault;
    expect_only_on("east");
  }
  const auto there = move("web", "east", "west", {"--address", kHostService});
  ASSERT_FALSE(there.is_null());
  EXPECT_EQ(there["service_address"], kHostService);
  EXPECT_EQ(there["parking"]["on"], true) << there["parking"];
  EXPECT_EQ(client.next(), ++last);
  expect_only_on("west");
  ASSERT_FALSE(move("web", "west", "east", {"--address", kHostService}).is_null());
  EXPECT_EQ(client.next(), ++last);
  (void)ferry("east", move_words, "target.resuming=kill");
  EXPECT_EQ(client.next(), ++last);
  EXPECT_TRUE(comes_true([&] { return inspect("web", "east").is_null() != inspect("web", "west").is_null(); }, 60'000)) << ferry("east", {"resolve"}).out;
  expect_only_on(inspect("web", "west").is_null() ? "east" : "west");
  for (const char* host : {"east", "west"}) lab_->shell(host, fmt::format("ip addr del {}/24 dev br0", kHostService));
}

// One of its own network has nothing of the host's.
TEST_F(DockerTest, AServiceAddressIsOfTheHostsNetwork) {
  lab_->check("east", "docker run -d --name web --network none python sleep 600");
  const auto refused = ferry("east", {"check", "docker:web", "root@west", "--address", "10.77.0.50"});
  EXPECT_EQ(refused.status, 3);
  EXPECT_NE((refused.out + refused.err).find("does not live in this host's own network"), std::string::npos) << refused.out << refused.err;
}

TEST_F(DockerTest, EveryModeMovesIt) {
  run_web_counter();
  Connection client(*lab_, "north", kAddress, kPort);
  EXPECT_EQ(client.next(), 1);
  std::string from = "east", to = "west";
  int expected = 2;
  for (const char* mode : {"stop", "post", "hybrid"}) {
    const auto report = move("web", from, to, {"--mode", mode});
    ASSERT_FALSE(report.is_null()) << mode;
    EXPECT_EQ(report["mode"], mode);
    EXPECT_EQ(client.next(), expected++) << mode;
    std::swap(from, to);
  }
}

// Each way in which docker gives containers a network, and what people start them with.
TEST_F(DockerTest, NetworksUsersAndTheInit) {
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"host", "--network host"}, {"none", "--network none"}, {"published", "-p 8088:80"}, {"user", "--user 1234:1234"},
      {"init", "--init"},         {"fleeting", "--rm"},       {"fixed", "--read-only --tmpfs /scratch"}};
  for (const auto& [name, options] : kinds) {
    run_looper(name, options);
    ASSERT_FALSE(move(name, "east", "west").is_null()) << name;
    EXPECT_TRUE(goes_on(name, "west")) << name << log(name, "west");
  }
  lab_->check("east", fmt::format("docker run -d --name alone --network none python python3 -c '{}'", kTalksToItself));
  ASSERT_TRUE(comes_true([&] { return lines("alone", "east") >= 3; })) << log("alone", "east");
  ASSERT_FALSE(move("alone", "east", "west").is_null());
  EXPECT_TRUE(goes_on("alone", "west")) << log("alone", "west");
  EXPECT_EQ(lab_->check("west", "docker port published 80").substr(0, 12), "0.0.0.0:8088");
  EXPECT_EQ(lab_->check("west", "docker stop -t 0 fleeting >/dev/null; sleep 1; docker ps -aq -f name=fleeting"), "");
}

// In a network that only docker here knows: its address stays, and this host goes on leading to it. The one that it gets there is
// another one, since there is somebody who has it already.
TEST_F(DockerTest, OfAPublishedServiceConnectionsAreRelayed) {
  lab_->check("west", "ssh root@east docker save python | docker load && docker run -d --name first python sleep 1000");
  run_published("web");
  Connection client(*lab_, "north", kEast, kPublished);
  EXPECT_EQ(client.next(), 1);
  ASSERT_NE(ferry("east", {"move", "docker:web", "root@west"}, "target.restored=fail").status, 0);
  EXPECT_EQ(client.next(), 2);
  const auto report = move("web", "east", "west");
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report["relay"], Json::array({"0.0.0.0:8088->8080/tcp"}));
  EXPECT_EQ(client.next(), 3);
  EXPECT_EQ(Connection(*lab_, "north", kEast, kPublished).next(), 4) << "a new one";
  EXPECT_EQ(Connection(*lab_, "north", kWest, kPublished).next(), 5) << "by the port of the host that it is on";
  const auto ip = [&](const char* host, const char* name) {
    return lab_->check(host, fmt::format("docker inspect -f '{{{{.NetworkSettings.IPAddress}}}}' {}", name));
  };
  EXPECT_EQ(ip("west", "first"), "172.17.0.2");
  EXPECT_EQ(ip("west", "web"), "172.17.0.3");
  const auto relays = Json::parse(ferry("east", {"relay", "list", "--json"}).out);
  ASSERT_EQ(relays.size(), 1u);
  EXPECT_EQ(relays[0]["name"], "docker:web");
  EXPECT_EQ(relays[0]["to"], "west");
  // It goes home: what the relay has led becomes the host's own again, whatever its address there; what has come by west's port is relayed.
  Connection other(*lab_, "north", kWest, kPublished);
  EXPECT_EQ(other.next(), 6);
  ASSERT_NE(ferry("west", {"move", "docker:web", "root@east"}, "target.restored=fail").status, 0);
  EXPECT_EQ(client.next(), 7);
  EXPECT_EQ(other.next(), 8);
  lab_->check("east", "docker run -d --name first python sleep 1000");
  ASSERT_FALSE(move("web", "west", "east").is_null());
  EXPECT_EQ(ip("east", "web"), "172.17.0.3");
  EXPECT_EQ(client.next(), 9);
  EXPECT_EQ(other.next(), 10);
  EXPECT_EQ(Connection(*lab_, "north", kEast, kPublished).next(), 11);
  const auto left = Json::parse(ferry("east", {"relay", "list", "--json"}).out);
  ASSERT_EQ(left.size(), 1u) << left;
  EXPECT_EQ(left[0]["from"], "west") << "the relay leads the other way now";
  // To another host it does not follow.
  const auto refused = ferry("east", {"move", "docker:web", "root@north"});
  EXPECT_EQ(refused.status, 3);
  EXPECT_NE(refused.err.find("come to it through west"), std::string::npos) << refused.err;
  ASSERT_EQ(ferry("west", {"relay", "stop", "docker:web"}).status, 0);
  EXPECT_THROW(Connection(*lab_, "north", kWest, kPublished), base::SysError);
  EXPECT_EQ(client.next(), 12);
}

// Before the commit its clients are where they were; after it they come to the port of the host that it is on.
TEST_F(DockerTest, OfAPublishedServiceAKilledFerryLeavesNoRelay) {
  run_published("web");
  const auto expect_no_relay = [&] {
    for (const char* host : {"east", "west"}) {
      EXPECT_TRUE(comes_true([&] { return lab_->shell(host, "ip tuntap list").out.empty(); })) << lab_->shell(host, "ip tuntap list; ferry relay list").out;
    }
  };
  Connection client(*lab_, "north", kEast, kPublished);
  int last = 0;
  for (const char* fault : {"source.dumped=kill", "target.restored=kill"}) {
    EXPECT_NE(ferry("east", {"move", "docker:web", "root@west"}, fault).status, 0) << fault;
    EXPECT_EQ(client.next(), ++last) << fault;
    expect_no_relay();
    EXPECT_TRUE(comes_true([&] { return inspect("web", "west").is_null(); }, 30'000)) << fault;
  }
  ASSERT_NE(ferry("east", {"move", "docker:web", "root@west"}, "source.granted=kill").status, 0);
  EXPECT_TRUE(comes_true([&] { return inspect("web", "east").is_null(); }, 60'000)) << ferry("east", {"resolve", "docker:web"}).out;
  EXPECT_EQ(Connection(*lab_, "north", kWest, kPublished).next(), ++last);
  expect_no_relay();
}

// On its way home: until the commit they come by the relay, after it by the host's own port.
TEST_F(DockerTest, OfAPublishedServiceThatGoesHomeAKilledFerryLeavesOneThatAnswers) {
  run_published("web");
  Connection client(*lab_, "north", kEast, kPublished);
  EXPECT_EQ(client.next(), 1);
  ASSERT_FALSE(move("web", "east", "west").is_null());
  int last = 1;
  for (const char* fault : {"source.dumped=kill", "target.restored=kill"}) {
    EXPECT_NE(ferry("west", {"move", "docker:web", "root@east"}, fault).status, 0) << fault;
    EXPECT_EQ(client.next(), ++last) << fault;
    EXPECT_TRUE(comes_true([&] { return inspect("web", "east").is_null(); }, 30'000)) << fault;
  }
  ASSERT_NE(ferry("west", {"move", "docker:web", "root@east"}, "source.granted=kill").status, 0);
  EXPECT_TRUE(comes_true([&] { return inspect("web", "west").is_null(); }, 60'000)) << ferry("west", {"resolve", "docker:web"}).out;
  EXPECT_EQ(client.next(), ++last);
  for (const char* host : {"east", "west"})
    EXPECT_TRUE(comes_true([&] { return lab_->shell(host, "ip tuntap list").out.empty(); })) << lab_->shell(host, "ip tuntap list; ferry relay list").out;
}

TEST_F(DockerTest, WithoutARelayConnectionsEndOrItStays) {
  run_published("web");
  Connection client(*lab_, "north", kEast, kPublished);
  EXPECT_EQ(client.next(), 1);
  const auto refused = ferry("east", {"move", "docker:web", "root@west", "--relay", "none"});
  EXPECT_EQ(refused.status, 3);
  EXPECT_NE(refused.err.find("--tcp close"), std::string::npos) << refused.err;
  EXPECT_EQ(client.next(), 2);
  ASSERT_FALSE(move("web", "east", "west", {"--relay", "none", "--tcp", "close"}).is_null());
  EXPECT_EQ(Connection(*lab_, "north", kWest, kPublished).next(), 3);
  EXPECT_EQ(Json::parse(ferry("east", {"relay", "list", "--json"}).out), Json::array());
}

// As the recipe has it (-itd), with what people give a container.
TEST_F(DockerTest, ItsConfigurationGoesAlong) {
  run_looper("all", "-it --restart always --hostname box -e COLOUR=blue --label team=x -w /programs --memory 256m --cap-add NET_RAW "
                    "--sysctl net.core.somaxconn=77 --ulimit nofile=900:900");
  const auto before = inspect("all", "east");
  ASSERT_FALSE(move("all", "east", "west", {"--keep-source"}).is_null());
  EXPECT_TRUE(goes_on("all", "west"));
  auto after = inspect("all", "west");
  EXPECT_EQ(after["Config"], before["Config"]);
  EXPECT_EQ(after["Image"], before["Image"]);
  for (const char* key : {"Binds", "RestartPolicy", "Memory", "CapAdd", "Sysctls", "Ulimits", "NetworkMode"}) {
    EXPECT_EQ(after["HostConfig"][key], before["HostConfig"][key]) << key;
  }
  // The one that was kept is not started by its policy.
  EXPECT_EQ(inspect("all", "east")["State"]["Running"], false);
  EXPECT_EQ(inspect("all", "east")["HostConfig"]["RestartPolicy"]["Name"], "no");
}

// Also what it writes until the last moment, removes, and puts in the place of something else.
TEST_F(DockerTest, WhatItHasWrittenGoesAlong) {
  lab_->check("east", "docker run -d --name writer python sh -c 'i=0; while :; do i=$((i+1)); echo $i >>/etc/log; "
                      "echo $i >/tmp/last; rm -f /tmp/even; [ $((i%2)) = 1 ] || touch /tmp/even; sleep 0.01; done'");
  lab_->check("east", "docker exec writer sh -c 'echo kept >/etc/kept; rm /bin/id; mkdir /new && touch /new/file; "
                      "rm -r /usr/src && mkdir /usr/src && touch /usr/src/other'");
  std::string from = "east", to = "west";
  for (int i = 0; i < 2; ++i, std::swap(from, to)) {
    ASSERT_FALSE(move("writer", from, to).is_null());
    EXPECT_EQ(lab_->check(to, "docker exec writer cat /etc/kept"), "kept");
    EXPECT_EQ(lab_->check(to, "docker exec writer ls /new"), "file");
    EXPECT_EQ(lab_->check(to, "docker exec writer ls /usr/src"), "other");
    EXPECT_NE(lab_->shell(to, "docker exec writer ls /bin/id").status, 0);
    lab_->check(to, "docker pause writer");
    // Line N says N: none was lost, none came twice.
    EXPECT_EQ(lab_->check(to, "cd $(docker inspect -f '{{.GraphDriver.Data.MergedDir}}' writer) && awk '$1 != NR' etc/log | wc -l"), "0");
    lab_->check(to, "docker unpause writer");
  }
}

// Named and nameless ones, as of the freeze; what is in them stays nowhere else, and an abort leaves none there. Bind mounts that are
// sent, a directory and a file, as of the freeze as well; they stay where they come from.
TEST_F(DockerTest, ItsVolumesAndWhatIsBoundIntoItGoAlong) {
  lab_->check("east", "mkdir -p /srv/bound/dir; touch /srv/bound.log; docker volume create --label team=x data; "
                      "docker run -d --name keeper -v data:/data -v /scratch -v /srv/bound/dir:/bound -v /srv/bound.log:/bound.log python sh -c "
                      "'i=0; while :; do i=$((i+1)); for file in /data/log /bound/log /bound.log; do echo $i >>$file; done; "
                      "echo $i >/scratch/last; sleep 0.01; done'");
  const Argv with{"--with-bind", "/srv/bound/dir/", "--with-bind", "/srv/bound.log"};
  EXPECT_NE(ferry("east", {"move", "docker:keeper", "root@west", with[0], with[1], with[2], with[3]}, "source.sent=fail").status, 0);
  // The target tidies up while the workload goes on at the source.
  EXPECT_TRUE(comes_true([&] { return lab_->check("west", "docker volume ls -q; ls -d /srv/bound* 2>/dev/null || true").empty(); }));
  std::string from = "east", to = "west";
  for (int i = 0; i < 2; ++i, std::swap(from, to)) {
    ASSERT_FALSE(move("keeper", from, to, with).is_null());
    EXPECT_EQ(lab_->check(from, "docker volume ls -q; ls -d /srv/bound* && rm -r /srv/bound*"), "/srv/bound\n/srv/bound.log");
    EXPECT_EQ(lab_->check(to, "docker volume inspect -f '{{.Labels.team}}' data"), "x");
    lab_->check(to, "docker pause keeper");
    EXPECT_EQ(lab_->check(to, "cd $(docker volume inspect -f '{{.Mountpoint}}' data) && awk '$1 != FNR' log /srv/bound/dir/log /srv/bound.log"), "");
    EXPECT_GT(std::stoi(lab_->check(to, "wc -l </srv/bound.log")), 10);
    lab_->check(to, "docker unpause keeper");
    EXPECT_GT(std::stoi(lab_->check(to, "docker exec keeper cat /scratch/last")), 1);
  }
  lab_->check("west", "docker volume create data");
  expect_refused("docker:keeper", "west", "a volume data here already");
  lab_->check("west", "docker volume rm data");
  lab_->check("east", "docker create --name other -v data:/data python true");
  expect_refused("docker:keeper", "west", "its volume data is also that of other");
}

// Its healthcheck goes on there, and a process of it that is just running is no obstacle.
TEST_F(DockerTest, ItsHealthcheckGoesOn) {
  run_looper("healthy", "--health-cmd 'sleep 0.3' --health-interval 100ms");
  ASSERT_FALSE(move("healthy", "east", "west").is_null());
  EXPECT_TRUE(comes_true([&] { return inspect("healthy", "west")["State"]["Health"]["Status"] == "healthy"; }, 10'000));
}

TEST_F(DockerTest, WhatCannotGoIsRefusedBeforehand) {
  run_looper("stays");
  lab_->check("east", "docker create --name still python python3; docker run -d --name held python sleep 1000; docker pause held; "
                      "docker run -d --name many --device /dev/null:/dev/gift --pid host python sleep 1000");
  expect_refused("docker:nobody", "west", "no container of that name");
  expect_refused("docker:still", "west", "it is created");
  expect_refused("docker:held", "west", "docker unpause held");
  for (const char* words : {"--device", "--pid host"}) expect_refused("docker:many", "west", words);
  lab_->check("east", "docker exec -d stays sleep 1000");
  expect_refused("docker:stays", "west", "docker exec");
  lab_->check("east", "pkill -x sleep");
  expect_refused("docker:stays", "north", "docker is not installed here");
  expect_refused("lxc:stays", "west", "containers of docker, podman, runc and crun");
  EXPECT_TRUE(goes_on("stays", "east"));
}

TEST_F(DockerTest, WhatTheTargetLacksIsNamed) {
  // A bridge that only east has.
  lab_->check("east", "mkdir -p /srv/only-here && ip link add only-here type bridge && ip addr add 172.31.0.1/24 dev only-here && ip link set only-here up && "
                      "docker network create --subnet 172.31.0.0/24 --gateway 172.31.0.1 -o com.docker.network.bridge.name=only-here own");
  run_looper("lacks", "-v /srv/only-here:/data --network own");
  lab_->check("east", "docker save python | ssh west docker load -q && ssh west docker create --name lacks python python3");
  const auto check = ferry("east", {"check", "docker:lacks", "root@west", "--json"});
  EXPECT_EQ(check.status, 3) << check.err;
  std::string reasons;
  const auto told = Json::parse(check.out);
  for (const auto& reason : told["reasons"]) reasons += reason["what"].get<std::string>() + "\n";
  for (const char* words : {"called lacks here already", "/srv/only-here is not here", "no network own"}) {
    EXPECT_NE(reasons.find(words), std::string::npos) << words << " in " << reasons;
  }
  EXPECT_EQ(ferry("east", {"move", "docker:lacks", "root@west"}).status, 3);
  EXPECT_TRUE(goes_on("lacks", "east"));
}

// With its labels and its subnet, as compose wants to find it; the container with its names there.
TEST_F(DockerTest, ANetworkThatOnlyTheSourceHasIsMade) {
  lab_->check("east", "docker network create --subnet 172.30.0.0/24 --label team=x ours");
  run_looper("looper", "--network ours --ip 172.30.0.7 --network-alias store");
  ASSERT_NE(ferry("east", {"move", "docker:looper", "root@west"}, "target.restored=fail").status, 0);
  EXPECT_NE(lab_->shell("west", "docker network inspect ours").status, 0);
  ASSERT_FALSE(move("looper", "east", "west").is_null());
  EXPECT_TRUE(goes_on("looper", "west"));
  EXPECT_EQ(lab_->check("west", "docker network inspect -f '{{index .Labels \"team\"}}' ours"), "x");
  EXPECT_EQ(inspect("looper", "west")["NetworkSettings"]["Networks"]["ours"]["IPAddress"], "172.30.0.7");
  EXPECT_NE(lab_->check("west", "docker exec looper python3 -c 'import socket; print(socket.gethostbyname(\"store\"))'").find("172.30.0.7"),
            std::string::npos);
  lab_->check("west", "docker rm -f looper; docker network rm ours");
  lab_->check("east", "docker network rm ours");
}

TEST_F(DockerTest, ADaemonThatIsNotExperimentalIsNamedWithTheRemedy) {
  run_looper("looper");
  const auto restart = [&](bool experimental) {
    lab_->check("west", "kill $(cat /var/run/docker.pid); while pidof dockerd >/dev/null; do sleep 0.05; done");
    start_docker("west", {.criu = FERRY_BINARY_DIR "/criu/criu", .experimental = experimental});
  };
  restart(false);
  const auto result = ferry("east", {"move", "docker:looper", "root@west"});
  restart(true);
  EXPECT_EQ(result.status, 3) << result.out;
  EXPECT_NE(result.err.find("{\"experimental\": true}"), std::string::npos) << result.err;
  EXPECT_TRUE(goes_on("looper", "east"));
}

TEST_F(DockerTest, ATargetWhoseDockerDoesNotFindFerryIsNamedWithTheRemedy) {
  run_looper("looper");
  lab_->check("west", "ferry engine undo");
  const auto result = ferry("east", {"move", "docker:looper", "root@west"});
  lab_->check("west", "ferry engine setup");
  EXPECT_EQ(result.status, 3) << result.out;
  EXPECT_NE(result.err.find("engine setup"), std::string::npos) << result.err;
  EXPECT_TRUE(goes_on("looper", "east"));
}

// With ferry in the place of criu, docker's own checkpoint and restore are what they were.
TEST_F(DockerTest, DockersOwnCheckpointIsAsBefore) {
  run_looper("own");
  lab_->check("east", "docker checkpoint create own one");
  const int before = lines("own", "east");
  lab_->check("east", "docker start --checkpoint one own");
  EXPECT_TRUE(comes_true([&] { return lines("own", "east") > before; })) << log("own", "east");
}

// Wherever it fails before the container runs there, it goes on here, and nothing of it stays there.
TEST_F(DockerTest, AFailedMoveLeadsBack) {
  run_looper("looper", "--restart always");
  for (const char* fault : {"target.created=fail", "target.defined=fail", "source.before_freeze=fail", "source.frozen=fail", "source.dumped=fail",
                            "source.sent=fail", "target.restoring=fail", "target.restored=fail", "target.resuming=fail", "target.opening=fail"}) {
    const auto result = ferry("east", {"move", "docker:looper", "root@west"}, fault);
    EXPECT_EQ(result.status, 1) << fault << result.out << result.err;
    EXPECT_NE(result.err.find("goes on here, unharmed"), std::string::npos) << fault << result.err;
    EXPECT_TRUE(goes_on("looper", "east")) << fault << log("looper", "east");
    EXPECT_EQ(inspect("looper", "east")["HostConfig"]["RestartPolicy"]["Name"], "always") << fault;
    EXPECT_TRUE(inspect("looper", "west").is_null()) << fault;
  }
}

// Its guard, or `ferry resolve`, does what the killed one cannot do any more.
TEST_F(DockerTest, AKilledFerryIsFinishedByItsGuard) {
  run_looper("looper", "--restart always");
  for (const char* fault : {"target.created=kill", "source.frozen=kill", "source.sent=kill", "target.restoring=kill", "target.restored=kill"}) {
    EXPECT_NE(ferry("east", {"move", "docker:looper", "root@west"}, fault).status, 0) << fault;
    EXPECT_TRUE(comes_true([&] { return goes_on("looper", "east"); }, 30'000)) << fault << log("looper", "east");
    EXPECT_TRUE(comes_true([&] { return inspect("looper", "west").is_null(); }, 30'000)) << fault;
    EXPECT_TRUE(comes_true([&] { return inspect("looper", "east")["HostConfig"]["RestartPolicy"]["Name"] == "always"; }, 30'000)) << fault;
  }
  ASSERT_NE(ferry("east", {"move", "docker:looper", "root@west"}, "source.granted=kill").status, 0);
  EXPECT_TRUE(comes_true([&] { return lines("looper", "west") > 0 && inspect("looper", "east").is_null(); }, 60'000))
      << ferry("east", {"resolve", "docker:looper"}).out;
  EXPECT_TRUE(goes_on("looper", "west"));
  EXPECT_TRUE(comes_true([&] { return inspect("looper", "west")["HostConfig"]["RestartPolicy"]["Name"] == "always"; }));
}

// Of a service: at the target, past the commit, its clients reach it whoever has been killed.
TEST_F(DockerTest, AKilledTargetStillLetsItsClientsIn) {
  run_web_counter();
  Connection client(*lab_, "north", kAddress, kPort);
  EXPECT_EQ(client.next(), 1);
  ASSERT_NE(ferry("east", {"move", "docker:web", "root@west"}, "source.sent=fail").status, 0);
  EXPECT_EQ(client.next(), 2);
  (void)ferry("east", {"move", "docker:web", "root@west"}, "target.running=kill");
  EXPECT_TRUE(comes_true([&] { return inspect("web", "east").is_null(); }, 60'000)) << ferry("east", {"resolve"}).out;
  EXPECT_EQ(client.next(), 3);
}

// On a host whose docker was restarted since it was asked for the container, that would not live long.
TEST_F(DockerTest, ADaemonThatIsRestartedInTheMiddleEndsTheMove) {
  run_looper("looper");
  auto moving = start_ferry("east", {"move", "docker:looper", "root@west"}, "source.before_freeze=stall:6000");
  ASSERT_TRUE(comes_true([&] { return lab_->shell("west", "pgrep -f 'docker start --checkpoin[t]'").status == 0; }));
  lab_->check("west", "kill $(cat /var/run/docker.pid); while pidof dockerd >/dev/null; do sleep 0.05; done");
  start_docker("west", {.criu = FERRY_BINARY_DIR "/criu/criu"});
  EXPECT_EQ(moving.wait(), 1);
  EXPECT_TRUE(goes_on("looper", "east"));
  EXPECT_TRUE(comes_true([&] { return inspect("looper", "west").is_null(); }));
}

// Neither engine nor host starts the copy that was kept, nor is the one there forgotten by its own.
TEST_F(DockerTest, ADaemonThatStartsAnewKeepsToIt) {
  run_looper("looper", "--restart always");
  ASSERT_FALSE(move("looper", "east", "west", {"--keep-source"}).is_null());
  for (const char* host : {"east", "west"}) {
    lab_->check(host, "kill $(cat /var/run/docker.pid); while pidof dockerd >/dev/null; do sleep 0.05; done");
    start_docker(host, {.criu = FERRY_BINARY_DIR "/criu/criu"});
  }
  EXPECT_EQ(inspect("looper", "east")["State"]["Running"], false);
  EXPECT_TRUE(comes_true([&] { return inspect("looper", "west")["State"]["Running"] == true; }));
}

TEST_F(DockerTest, AllThatRunMoveOneAfterAnother) {
  for (const char* name : {"one", "two"}) run_looper(name);
  lab_->check("east", "docker create --name never python true");
  const auto moved = ferry("east", {"move", "--all", "docker:", "root@west", "--json"});
  ASSERT_EQ(moved.status, 0) << moved.out << moved.err;
  const auto report = Json::parse(moved.out);
  ASSERT_EQ(report["moves"].size(), 2u) << report.dump(1);
  EXPECT_EQ(report["moves"][0]["name"], "docker:one");
  EXPECT_EQ(report["moves"][1]["name"], "docker:two");
  EXPECT_EQ(lab_->check("east", "docker ps -a --format '{{.Names}}'"), "never");
  for (const char* name : {"one", "two"}) EXPECT_TRUE(goes_on(name, "west")) << name;
}

}  // namespace
}  // namespace ferry::testing

// SPDX-License-Identifier: Apache-2.0
#include "runtime/docker_config.h"

#include <gtest/gtest.h>

namespace ferry::runtime::docker {
namespace {

using nlohmann::json;

json running() {
  return json::parse(R"({
    "Id": "a513", "Name": "/web", "Image": "sha256:017d",
    "State": {"Status": "running", "Running": true, "Paused": false, "Restarting": false},
    "Config": {"Hostname": "a513d76fc1da", "Image": "python", "Cmd": ["python3", "web.py"], "Env": ["A=b"],
               "WorkingDir": "/usr/src", "Tty": true, "User": "nobody", "Labels": {"team": "x"}},
    "HostConfig": {"Binds": ["/srv/web:/usr/src:ro", "data:/data"], "NetworkMode": "lan", "AutoRemove": false,
                   "Privileged": false, "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
                   "Memory": 67108864, "CapAdd": ["NET_RAW"], "PidMode": "", "IpcMode": "private", "Devices": [],
                   "Mounts": [{"Type": "bind", "Source": "/etc/web", "Target": "/conf"}],
                   "ContainerIDFile": "/tmp/id"},
    "Mounts": [{"Type": "bind", "Source": "/srv/web", "Destination": "/usr/src"}],
    "NetworkSettings": {"Networks": {"lan": {"IPAMConfig": {"IPv4Address": "10.77.0.9"}, "MacAddress": "02:42:0a:4d:00:09",
                                             "NetworkID": "e1", "IPAddress": "10.77.0.9"}}}
  })");
}

bool says(const process::Reasons& reasons, const std::string& words) {
  for (const auto& reason : reasons) {
    if (reason.what.find(words) != std::string::npos) return true;
  }
  return false;
}

TEST(DockerConfig, TheSameContainerIsAskedFor) {
  const auto request = create_request(portable_configuration(running()), "sha256:017d");
  EXPECT_EQ(request["Image"], "sha256:017d");
  for (const char* key : {"Hostname", "Cmd", "Env", "WorkingDir", "Tty", "User", "Labels"}) {
    EXPECT_EQ(request[key], running()["Config"][key]) << key;
  }
  for (const char* key : {"Binds", "Memory", "CapAdd", "NetworkMode", "Mounts"}) {
    EXPECT_EQ(request["HostConfig"][key], running()["HostConfig"][key]) << key;
  }
  EXPECT_FALSE(request["HostConfig"].contains("ContainerIDFile"));
}

TEST(DockerConfig, NobodyStartsItBeforeItsTime) {
  const auto configuration = portable_configuration(running());
  EXPECT_EQ(create_request(configuration, "x")["HostConfig"]["RestartPolicy"]["Name"], "no");
  EXPECT_EQ(restart_policy(configuration)["Name"], "always");
  EXPECT_EQ(restart_policy(json::object())["Name"], "no");
}

TEST(DockerConfig, AFixedAddressAndItsMacGoAlong) {
  const auto request = create_request(portable_configuration(running()), "x");
  const auto& lan = request["NetworkingConfig"]["EndpointsConfig"]["lan"];
  EXPECT_EQ(lan["IPAMConfig"]["IPv4Address"], "10.77.0.9");
  EXPECT_EQ(lan["MacAddress"], "02:42:0a:4d:00:09");
  EXPECT_EQ(request["MacAddress"], "02:42:0a:4d:00:09");
  EXPECT_FALSE(lan.contains("NetworkID"));
}

TEST(DockerConfig, AnAddressThatDockerChoseIsChosenAnew) {
  auto inspect = running();
  inspect["NetworkSettings"]["Networks"] = {{"bridge", {{"IPAMConfig", nullptr}, {"MacAddress", "02:42:ac:11:00:02"}}}};
  const auto configuration = portable_configuration(inspect);
  EXPECT_TRUE(networks(configuration).empty());
  const auto request = create_request(configuration, "x");
  EXPECT_FALSE(request.contains("NetworkingConfig"));
  EXPECT_FALSE(request.contains("MacAddress"));
}

// As compose gives them: others on the network find it by its service's name.
TEST(DockerConfig, ItsNamesOnANetworkGoAlong) {
  auto inspect = running();
  inspect["NetworkSettings"]["Networks"]["lan"] = {{"IPAMConfig", nullptr}, {"Aliases", {"store", "a5", "a513"}}};
  const auto request = create_request(portable_configuration(inspect), "x");
  EXPECT_EQ(request["NetworkingConfig"]["EndpointsConfig"]["lan"]["Aliases"], (json{"store", "a5"})) << "the other one is made of its id";
}

TEST(DockerConfig, WhatTheOtherHostMustHave) {
  const auto configuration = portable_configuration(running());
  EXPECT_EQ(networks(configuration), std::vector<std::string>{"lan"});
}

TEST(DockerConfig, VolumesWithANameAreMadeBeforeIt) {
  auto inspect = running();
  for (const char* name : {"data", "f00d"}) inspect["Mounts"].push_back({{"Type", "volume"}, {"Name", name}, {"Destination", "/x"}});
  EXPECT_EQ(named_volumes(portable_configuration(inspect)), std::vector<std::string>{"data"});
}

TEST(DockerConfig, ARunningContainerHasNoBlockers) { EXPECT_TRUE(blockers(running()).empty()); }

TEST(DockerConfig, EveryBlockerIsNamed) {
  auto inspect = running();
  inspect["HostConfig"]["Privileged"] = true;
  inspect["HostConfig"]["PidMode"] = "container:abc";
  inspect["Config"]["Labels"]["com.docker.swarm.task.name"] = "web.1";
  const auto reasons = blockers(inspect);
  EXPECT_EQ(reasons.size(), 3u);
  for (const char* words : {"privileged", "container:abc", "swarm service"}) {
    EXPECT_TRUE(says(reasons, words)) << words;
  }
}

// Whatever docker chose: it moves along.
TEST(DockerConfig, AnAddressThatMovesIsPinned) {
  auto inspect = running();
  inspect["NetworkSettings"]["Networks"] = {{"lan", {{"IPAMConfig", nullptr}, {"MacAddress", "02:42:0a:4d:00:02"}}}};
  auto configuration = portable_configuration(inspect);
  const auto identity = handover::parse_identity("10.77.0.9/24,fd00:77::9/64", kernel::MacAddr::parse("02:77:00:00:01:09"), "");
  pin_address(configuration, identity);
  const auto request = create_request(configuration, "x");
  const auto& lan = request["NetworkingConfig"]["EndpointsConfig"]["lan"];
  EXPECT_EQ(lan["IPAMConfig"]["IPv4Address"], "10.77.0.9");
  EXPECT_EQ(lan["IPAMConfig"]["IPv6Address"], "fd00:77::9");
  EXPECT_EQ(request["MacAddress"], "02:77:00:00:01:09");
}

// As of `-p 8080:80 -p 10.77.0.1:53:53/udp -P`, with a port that is exposed and not published.
TEST(DockerConfig, PublishedPortsOfIPv4) {
  auto inspect = running();
  inspect["NetworkSettings"]["Ports"] = json::parse(R"({
    "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}],
    "53/udp": [{"HostIp": "10.77.0.1", "HostPort": "53"}], "443/tcp": null})");
  EXPECT_EQ(handover::texts_of(published_ports(inspect)), (std::vector<std::string>{"10.77.0.1:53->53/udp", "0.0.0.0:8080->80/tcp"}));
  inspect["NetworkSettings"]["Ports"] = nullptr;
  EXPECT_TRUE(published_ports(inspect).empty());
}

// The answer to GET /containers/json; a link of another container (--link) is a name, too.
TEST(DockerListing, ByItsOwnNameWithItsImage) {
  const auto containers = json::parse(R"([
    {"Id": "5aa6", "Names": ["/web"], "Image": "nginx:1", "State": "running"},
    {"Id": "dfe7", "Names": ["/web/store", "/db"], "Image": "sha256:9526", "State": "paused"}
  ])");
  EXPECT_EQ(listing(containers), (std::vector<OciListed>{{"web", "nginx:1"}, {"db", "sha256:9526"}}));
  EXPECT_TRUE(listing(json::array()).empty());
}

}  // namespace
}  // namespace ferry::runtime::docker

// SPDX-License-Identifier: Apache-2.0
#include "runtime/podman_network.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/podman.h"

namespace ferry::runtime::podman {
namespace {

using nlohmann::json;

// As podman 4.3.1 tells of one that was started with `-p 8080:80`.
json on_default_network() {
  return json::parse(R"({
    "Name": "web", "HostConfig": {"NetworkMode": "bridge"},
    "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
                        "SandboxKey": "/run/netns/netns-4497050b",
                        "Networks": {"podman": {"IPAddress": "10.88.0.2", "Aliases": ["e75e20e69e57"]}}}})");
}

json network() {
  return portable_network(json::parse(R"({
    "name": "ours", "id": "97160b1b", "driver": "bridge", "network_interface": "podman1",
    "created": "2026-11-29T16:26:50.525883306Z",
    "subnets": [{"subnet": "172.30.0.0/24", "gateway": "172.30.0.1",
                 "lease_range": {"start_ip": "172.30.0.65", "end_ip": "172.30.0.127"}}],
    "ipv6_enabled": false, "internal": false, "dns_enabled": true,
    "labels": {"team": "x"}, "options": {"mtu": "1400"}, "ipam_options": {"driver": "host-local"}})"));
}

std::string reasons_of(const json& inspected) {
  std::string all;
  for (const auto& reason : network_reasons(inspected)) all += reason.what + "\n";
  return all;
}

TEST(PodmanNetworkReasons, OnOneNetworkItCanGo) {
  EXPECT_EQ(reasons_of(on_default_network()), "");
  EXPECT_TRUE(is_on_networks(on_default_network()));
}

TEST(PodmanNetworkReasons, OnSeveralItCannot) {
  auto changed = on_default_network();
  changed["NetworkSettings"]["Networks"]["ours"] = json::object();
  EXPECT_EQ(reasons_of(changed), "it is on 2 networks (ours, podman)\n");
  EXPECT_EQ(network_reasons(changed)[0].remedy,
            "`podman network disconnect podman web`, if it can do without");
}

TEST(PodmanNetworkReasons, OtherKindsAreNamed) {
  for (const char* mode : {"slirp4netns", "pasta", "container:abc"}) {
    auto changed = on_default_network();
    changed["HostConfig"]["NetworkMode"] = mode;
    EXPECT_EQ(reasons_of(changed), fmt::format("its network is podman's \"{}\"\n", mode));
    EXPECT_FALSE(is_on_networks(changed));
  }
}

TEST(PodmanNetwork, IsMadeWithAllThatItHas) {
  ASSERT_TRUE(reasons_not_to_make(network()).empty());
  EXPECT_EQ(create_command(network()),
            (base::Argv{"podman", "network", "create", "--driver", "bridge", "--subnet",
                        "172.30.0.0/24", "--gateway", "172.30.0.1", "--ip-range", "172.30.0.64/26",
                        "--label", "team=x", "--opt", "mtu=1400", "--", "ours"}));
  auto other = network();
  other["internal"] = other["ipv6_enabled"] = true;
  other["dns_enabled"] = false;
  other["subnets"] = {{{"subnet", "fd00:30::/64"}}};
  other["labels"] = other["options"] = json::object();
  EXPECT_EQ(create_command(other),
            (base::Argv{"podman", "network", "create", "--driver", "bridge", "--internal", "--ipv6",
                        "--disable-dns", "--subnet", "fd00:30::/64", "--", "ours"}));
}

TEST(PodmanNetwork, NotWhatTheCommandCannotMake) {
  const auto why_not = [](const char* key, const json& value) {
    auto changed = network();
    changed[json::json_pointer(key)] = value;
    const auto reasons = reasons_not_to_make(changed);
    return reasons.size() == 1 ? reasons[0].why : "";
  };
  EXPECT_EQ(why_not("/driver", "ipvlan"), "ferry makes none of the driver ipvlan");
  EXPECT_EQ(why_not("/routes", {{{"destination", "10.1.0.0/16"}}}),
            "ferry makes none with settings of the kind routes");
  EXPECT_EQ(
      why_not("/subnets/0/lease_range", {{"start_ip", "172.30.0.10"}, {"end_ip", "172.30.0.20"}}),
      "the addresses that it leases are no network of their own");
  EXPECT_EQ(why_not("/subnets/1", {{"subnet", "172.31.0.0/24"}}),
            "only some of its subnets have a range of their own to lease from");
}

// As podman's archives are: tar, with what is in its files in blocks of 512 bytes.
TEST(PodmanArchive, TheAddressesInItAreForgottenAndNothingElse) {
  const base::Path directory =
      base::Path(::testing::TempDir()) / fmt::format("ferry-archive-{}", ::getpid());
  std::filesystem::create_directories(directory);
  const auto write = [&](const char* name, const std::string& text) {
    base::replace_file(directory / name, text, base::Durable::kNo);
  };
  const auto tar = [&](base::Argv argv) {
    argv.insert(argv.begin(),
                {"tar", "-C", directory.string(), "-f", (directory / "a.tar").string()});
    const auto told = base::run(argv);
    EXPECT_EQ(told.status, 0) << told.err;
    return told.out;
  };
  write("before", std::string(1000, 'b'));
  write("network.status", R"({"podman":{}})");
  write("after", "a");
  tar({"--format=ustar", "-c", "before", "network.status", "after"});
  Podman().forget_addresses(directory / "a.tar");
  EXPECT_EQ(tar({"-x", "-O", "network.status"}), std::string(13, ' '));
  EXPECT_EQ(tar({"-x", "-O", "before", "after"}), std::string(1000, 'b') + "a");
  tar({"-c", "after"});
  Podman().forget_addresses(directory / "a.tar");  // it has none
  Podman().make_import_stop(directory / "a.tar");
  EXPECT_EQ(tar({"-t"}), "after\ndeleted.files\n");
  EXPECT_FALSE(nlohmann::json::accept(tar({"-x", "-O", "deleted.files"})));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace ferry::runtime::podman

// SPDX-License-Identifier: Apache-2.0
#include "runtime/docker_network.h"

#include <gtest/gtest.h>

namespace ferry::runtime::docker {
namespace {

using nlohmann::json;

// As docker 20.10 tells it of compose's.
json network_of_compose() {
  return portable_network(json::parse(R"({
    "Name": "shop_net", "Id": "3952f534", "Created": "2026-11-29T12:33:07Z", "Scope": "local", "Driver": "bridge",
    "EnableIPv6": false, "Internal": false, "Attachable": true, "Ingress": false,
    "IPAM": {"Driver": "default", "Options": null,
             "Config": [{"Subnet": "10.77.0.0/24", "IPRange": "10.77.0.64/28", "Gateway": "10.77.0.1"}]},
    "Containers": {"5e4e": {"Name": "web"}}, "Options": {"com.docker.network.bridge.name": "br0"},
    "Labels": {"com.docker.compose.project": "shop"}})"));
}

HostLinks host(const char* bridge_address) {
  kernel::Link br0{.index = 3, .name = "br0", .kind = "bridge"}, eth0{.index = 2, .name = "eth0"};
  kernel::Address address;
  address.link = br0.index;
  address.prefix = kernel::IpPrefix::parse(bridge_address);
  return {{eth0, br0}, {address}};
}

TEST(DockerNetwork, NothingOfItsHostGoesAlong) {
  const auto network = network_of_compose();
  for (const char* key : {"Id", "Created", "Scope", "Containers"})
    EXPECT_FALSE(network.contains(key)) << key;
  EXPECT_EQ(network["Labels"]["com.docker.compose.project"], "shop");
  EXPECT_EQ(network["IPAM"]["Config"][0]["IPRange"], "10.77.0.64/28");
}

TEST(DockerNetwork, OnABridgeThatIsThereWithThatOnesGateway) {
  auto network = network_of_compose();
  EXPECT_TRUE(reasons_not_to_make(network, host("10.77.0.2/24")).empty());
  EXPECT_EQ(network["IPAM"]["Config"][0]["Gateway"], "10.77.0.2");
}

TEST(DockerNetwork, NotWhereTheBridgeIsAnotherOne) {
  auto network = network_of_compose();
  const auto reasons = reasons_not_to_make(network, host("192.168.1.2/24"));
  ASSERT_EQ(reasons.size(), 1u);
  EXPECT_NE(reasons[0].why.find("no address in 10.77.0.0/24"), std::string::npos) << reasons[0].why;
  EXPECT_EQ(reasons_not_to_make(network, {}).size(), 1u);
}

TEST(DockerNetwork, ItsOwnBridgeIsMadeAnywhere) {
  auto network = network_of_compose();
  network["Options"] = json::object();
  EXPECT_TRUE(reasons_not_to_make(network, {}).empty());
  EXPECT_EQ(network["IPAM"]["Config"][0]["Gateway"], "10.77.0.1");
}

TEST(DockerNetwork, AMacvlanNeedsItsParent) {
  auto network = network_of_compose();
  network["Driver"] = "macvlan";
  network["Options"] = {{"parent", "eth0"}};
  EXPECT_TRUE(reasons_not_to_make(network, host("10.77.0.2/24")).empty());
  network["Options"] = {{"parent", "eth9"}};
  EXPECT_EQ(reasons_not_to_make(network, host("10.77.0.2/24")).size(), 1u);
}

TEST(DockerNetwork, OtherDriversAreNotOurs) {
  auto network = network_of_compose();
  network["Driver"] = "overlay";
  EXPECT_EQ(reasons_not_to_make(network, host("10.77.0.2/24")).size(), 1u);
}

}  // namespace
}  // namespace ferry::runtime::docker

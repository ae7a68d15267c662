// SPDX-License-Identifier: Apache-2.0
//
// The network that a container finds at the target: made as noted, and gone as if it had not been.
#include "migration/network_place.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "handover/attached.h"
#include "handover/attachment.h"
#include "kernel/named_network.h"
#include "kernel/test_network.h"

namespace ferry::migration {
namespace {

class NetworkPlaceTest : public kernel::OwnNetworkTest {
 protected:
  void SetUp() override {
    directory_ = base::Path(::testing::TempDir()) / ("ferry-place-" + std::to_string(::getpid()));
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  base::Path name() const { return directory_ / "box"; }
  wire::Plan plan() const {
    wire::Plan plan;
    plan.set_name("runc:box");
    plan.mutable_container()->set_engine("runc");
    plan.mutable_container()->set_configuration(nlohmann::json{
        {"linux", {{"namespaces", {{{"type", "network"}, {"path", name().string()}}}}}}}
                                                    .dump());
    auto& identity = *plan.mutable_identity();
    identity.set_address("10.55.0.9/24");
    identity.set_mac("02:55:00:00:00:09");
    identity.set_link("net0");
    identity.set_segment("br7");
    return plan;
  }
  base::Path directory_;
};

TEST_F(NetworkPlaceTest, IsMadeAsNotedAndRemovedByTheNote) {
  in_own_network([this](kernel::Netlink& host) {
    host.add_bridge("br7");
    const auto place = NetworkPlace::of(plan());
    ASSERT_TRUE(place);
    EXPECT_EQ(place->attachment()->segment, "br7");
    const base::Fd netns = place->make();
    EXPECT_TRUE(kernel::is_network(name()));
    auto port = handover::Port::create(netns.get(), *place->attachment(), *place->identity());
    port.open();
    const auto found = handover::find_attached(netns.get());
    ASSERT_TRUE(found.identity);
    EXPECT_EQ(found.identity->link, "net0");
    EXPECT_FALSE(
        NetworkPlace::reasons_against(plan().container()).empty());  // in use: it has a link

    const auto again = NetworkPlace::from(place->note());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->identity()->addresses_text(), "10.55.0.9/24");
    EXPECT_EQ(again->identity()->link, "net0");
    again->remove();
    EXPECT_FALSE(std::filesystem::exists(name()));
    EXPECT_FALSE(host.find_link(place->attachment()->link));
    again->remove();
  });
}

TEST_F(NetworkPlaceTest, AMacvlanIsMadeShutAndRemovedByTheNote) {
  in_own_network([this](kernel::Netlink& host) {
    host.add_bridge("br7");
    host.set_up("br7", true);
    kernel::name_network(kernel::make_network().get(), name());
    auto told = plan();
    told.mutable_identity()->set_macvlan_mode(MACVLAN_MODE_BRIDGE);
    const auto place = NetworkPlace::of(told);
    ASSERT_TRUE(place);
    const base::Fd netns = place->make();
    handover::make_link(netns.get(), *place->attachment(), *place->identity());
    EXPECT_FALSE(NetworkPlace::reasons_against(told.container()).empty());
    const auto can_speak = [&] {
      bool can = false;
      kernel::in_network_namespace(netns.get(), [&] {
        const base::Fd socket(::socket(AF_INET, SOCK_DGRAM, 0));
        const sockaddr_in self{AF_INET, htons(9), {htonl(INADDR_LOOPBACK)}, {}};
        can = ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&self),
                       sizeof self) == 1;
      });
      return can;
    };
    EXPECT_FALSE(can_speak());

    const auto again = NetworkPlace::from(place->note());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->attachment()->segment, "br7");
    EXPECT_TRUE(again->attachment()->is_macvlan());
    again->remove();
    EXPECT_TRUE(NetworkPlace::reasons_against(told.container())
                    .empty());  // it was there before, and is as it was
    EXPECT_TRUE(can_speak());
    kernel::forget_network(name());
  });
}

// Somebody may have made it for the container to come.
TEST_F(NetworkPlaceTest, AnEmptyOneThatWasThereIsTakenAndStays) {
  in_own_network([this](kernel::Netlink& host) {
    host.add_bridge("br7");
    kernel::name_network(kernel::make_network().get(), name());
    EXPECT_TRUE(NetworkPlace::reasons_against(plan().container()).empty());
    const auto place = NetworkPlace::of(plan());
    ASSERT_TRUE(place);
    (void)place->make();
    place->remove();
    EXPECT_TRUE(kernel::is_network(name()));
    kernel::forget_network(name());
  });
}

// podman makes all of it, and takes it away.
TEST_F(NetworkPlaceTest, WhatIsRelayedIsLeftToItsEngine) {
  in_own_network([](kernel::Netlink&) {
    wire::Plan plan;
    plan.mutable_container()->set_engine("podman");
    plan.mutable_container()->set_configuration("{}");
    plan.mutable_relay()->set_address("10.88.0.2/16");
    const auto place = NetworkPlace::of(plan);
    ASSERT_TRUE(place);
    EXPECT_TRUE(place->is_by_engine());
    EXPECT_FALSE(place->make());
    const auto again = NetworkPlace::from(place->note());
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->is_by_engine());
    again->remove();
    plan.clear_relay();
    EXPECT_FALSE(NetworkPlace::of(plan));
  });
}

TEST_F(NetworkPlaceTest, WithoutABridgeItIsRefused) {
  in_own_network(
      [this](kernel::Netlink&) { EXPECT_THROW((void)NetworkPlace::of(plan()), base::Error); });
}

TEST_F(NetworkPlaceTest, NothingIsMadeForThoseWhoHaveNone) {
  wire::Plan none;
  none.mutable_container()->set_engine("runc");
  none.mutable_container()->set_configuration("{}");
  EXPECT_FALSE(NetworkPlace::of(none));
  EXPECT_FALSE(NetworkPlace::from({}));
}

}  // namespace
}  // namespace ferry::migration

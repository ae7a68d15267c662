// SPDX-License-Identifier: Apache-2.0
//
// Asked of the kernel's own answers: a link whose other end has the addresses.
#include "handover/address_probe.h"

#include <fcntl.h>

#include "kernel/test_network.h"

namespace ferry::handover {
namespace {

constexpr std::chrono::milliseconds kLimit{200};
const auto kOther = kernel::MacAddr::parse("02:55:00:00:00:01"), kOwn = kernel::MacAddr::parse("02:55:00:00:00:09");

class AddressProbeTest : public kernel::OwnNetworkTest {
 protected:
  // Who has what of the identity, asked where one has 10.55.0.9 and fd55::9.
  Owners owners(const std::string& addresses, const kernel::MacAddr& mac) {
    Owners found;
    in_own_network([&](kernel::Netlink& net) {
      const base::Fd here = base::open_file("/proc/thread-self/ns/net", O_RDONLY);
      net.add_veth("inner", "outer", here.get(), kOther);
      for (const char* address : {"10.55.0.9/24", "fd55::9/64"}) net.add_address("outer", kernel::IpPrefix::parse(address));
      net.set_up("outer", true);
      net.set_up("inner", true);
      found = find_owners("inner", parse_identity(addresses, mac, ""), kLimit);
    });
    return found;
  }
};

TEST_F(AddressProbeTest, SomebodyElseIsFoundByEitherFamily) {
  const auto found = owners("10.55.0.9/24,fd55::9/64", kOwn).others;
  ASSERT_EQ(found.size(), 2U);
  for (const auto& one : found) EXPECT_EQ(one.mac, kOther) << one.address.text();
  EXPECT_EQ(found[1].address.text(), "fd55::9");
}

TEST_F(AddressProbeTest, TheWorkloadItselfIsNobodyElse) {
  const auto found = owners("10.55.0.9/24,fd55::9/64", kOther);
  EXPECT_TRUE(found.others.empty());
  EXPECT_TRUE(found.itself);
}

TEST_F(AddressProbeTest, WhatNobodyHasIsFree) {
  const auto found = owners("10.55.0.8/24,fd55::8/64", kOwn);
  EXPECT_TRUE(found.others.empty());
  EXPECT_FALSE(found.itself);
}

}  // namespace
}  // namespace ferry::handover

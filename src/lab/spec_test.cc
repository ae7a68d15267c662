// SPDX-License-Identifier: Apache-2.0
#include "lab/spec.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ferry::lab {
namespace {

TEST(LabSpec, TheDefaultIsFine) { EXPECT_NO_THROW(check_spec(LabSpec{})); }

TEST(LabSpec, NamesArePartsOfPaths) {
  for (const char* good : {"a", "East-2", "0"}) EXPECT_NO_THROW(check_name(good, "host")) << good;
  for (const char* bad : {"", ".", "..", "a/b", "a b", "-a", "a.b", "ä", "012345678901234567890123456789012"}) {
    EXPECT_THROW(check_name(bad, "host"), base::Error) << bad;
  }
}

TEST(LabSpec, NonsenseIsRefused) {
  const auto refused = [](auto change) {
    LabSpec spec;
    change(spec);
    EXPECT_THROW(check_spec(spec), base::Error);
  };
  refused([](LabSpec& spec) { spec.hosts.clear(); });
  refused([](LabSpec& spec) { spec.hosts = {"east", "east"}; });
  refused([](LabSpec& spec) { spec.hosts = {"a", "b", "c", "d", "e", "f", "g", "h", "i"}; });
  refused([](LabSpec& spec) { spec.without_ferry = {"north"}; });
  refused([](LabSpec& spec) { spec.rate_bytes_per_second = 1; });
  refused([](LabSpec& spec) { spec.delay = std::chrono::seconds(3); });
  refused([](LabSpec& spec) { spec.layers = {"/no/such/directory"}; });
  refused([](LabSpec& spec) { spec.own_layers["west"] = {"/no/such/directory"}; });
  refused([](LabSpec& spec) { spec.own_layers["north"] = {"/tmp"}; });
}

TEST(LabSpec, AHostsOwnLayersLieOnTop) {
  LabSpec spec;
  spec.layers = {"/common"};
  spec.own_layers["west"] = {"/newer", "/new"};
  EXPECT_EQ(layers_of(spec, "west"), (std::vector<base::Path>{"/newer", "/new", "/common"}));
  EXPECT_EQ(layers_of(spec, "east"), std::vector<base::Path>{"/common"});
}

TEST(LabSpec, EveryHostHasItsOwnAddressAndClocks) {
  EXPECT_EQ(host_prefix(0).text(), "10.77.0.1/24");
  EXPECT_EQ(host_prefix(kMostHosts - 1).text(), "10.77.0.8/24");
  EXPECT_EQ(host_ipv6_prefix(0).text(), "fd00:77::1/64");
  EXPECT_NE(host_mac(0), host_mac(1));
  EXPECT_EQ(host_clocks(1).monotonic_ns - host_clocks(0).monotonic_ns, 4'000'000'000'000);
  EXPECT_EQ(host_clocks(0).monotonic_ns, host_clocks(0).boottime_ns);
}

}  // namespace
}  // namespace ferry::lab

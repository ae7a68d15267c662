// SPDX-License-Identifier: Apache-2.0
#include "runtime/podman.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace ferry::runtime {
namespace {

using nlohmann::json;

// As podman 4.3.1 tells of one that can go along.
json plain() {
  return json::parse(R"({
    "Pod": "", "Rootfs": "", "OCIRuntime": "runc", "Dependencies": [],
    "Mounts": [{"Type": "bind", "Source": "/srv/data", "Destination": "/data"}],
    "HostConfig": {"NetworkMode": "ns:/run/netns/web", "LogConfig": {"Type": "k8s-file"}}
  })");
}

std::string reasons_of(const json& inspected) {
  std::string all;
  for (const auto& reason : inspected_reasons(inspected)) all += reason.what + "\n";
  return all;
}

TEST(PodmanReasons, NothingStandsInTheWayOfAPlainOne) {
  EXPECT_EQ(reasons_of(plain()), "");
  for (const char* mode : {"none", "host", "bridge"}) {
    auto other = plain();
    other["HostConfig"]["NetworkMode"] = mode;
    EXPECT_EQ(reasons_of(other), "") << mode;
  }
}

TEST(PodmanReasons, EachIsNamed) {
  const auto with = [](const char* pointer, const json& value) {
    auto changed = plain();
    changed[json::json_pointer(pointer)] = value;
    return reasons_of(changed);
  };
  EXPECT_EQ(with("/Pod", "0123456789abcdef"), "it is in the pod 0123456789ab\n");
  EXPECT_EQ(with("/Dependencies", {"abc"}), "it shares namespaces with another container\n");
  EXPECT_EQ(with("/HostConfig/NetworkMode", "pasta"), "its network is podman's \"pasta\"\n");
  EXPECT_EQ(with("/Rootfs", "/srv/root"), "it has no image (--rootfs)\n");
  EXPECT_EQ(with("/OCIRuntime", "/usr/bin/crun"), "");
  EXPECT_EQ(with("/OCIRuntime", "/usr/bin/kata-runtime"), "podman runs it by /usr/bin/kata-runtime\n");
  EXPECT_EQ(with("/HostConfig/LogConfig/Type", "passthrough"),
            "its output goes to whoever has started it (--log-driver passthrough)\n");
}

// Several at once are told at once.
TEST(PodmanReasons, AllAreTold) {
  auto changed = plain();
  changed["OCIRuntime"] = "crun-wasm";
  changed["Rootfs"] = "/srv/root";
  EXPECT_EQ(inspected_reasons(changed).size(), 2u);
}

// As podman 4.3 and 5.8 note it.
TEST(PodmanConfiguration, ThatItIsRemovedAtItsEnd) {
  const auto with = [](const json& annotations) {
    return is_removed_at_end({{"ociVersion", "1.0.2"}, {"annotations", annotations}});
  };
  EXPECT_TRUE(with({{"io.podman.annotations.autoremove", "TRUE"}}));
  EXPECT_FALSE(with({{"io.podman.annotations.autoremove", "FALSE"}}));
  EXPECT_FALSE(with(json::object()));
  EXPECT_FALSE(is_removed_at_end(json::object()));
}

TEST(PodmanReasons, ItsOwnMountsAreThoseBelowItsId) {
  EXPECT_TRUE(
      is_engines_own("/run/containers/storage/overlay-containers/abc/userdata/hosts", "abc"));
  EXPECT_FALSE(is_engines_own("/srv/abc", "abc"));
  EXPECT_FALSE(is_engines_own("", "abc"));
}

// As `podman ps --format json` of 4.3.1 has it.
TEST(PodmanListing, ByNameWithItsImage) {
  const auto list = json::parse(R"([
    {"Id": "5aa6", "Image": "localhost/box:1", "Names": ["box"], "Pid": 67, "Pod": "", "Labels": null},
    {"Id": "dfe7", "Image": "", "Names": null, "Pid": 99, "Pod": ""}
  ])");
  EXPECT_EQ(podman_listing(list),
            (std::vector<OciListed>{{"box", "localhost/box:1"}, {"dfe7", ""}}));
  EXPECT_TRUE(podman_listing(json::array()).empty());
}

}  // namespace
}  // namespace ferry::runtime

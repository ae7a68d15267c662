// SPDX-License-Identifier: Apache-2.0
#include "runtime/crun_host.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace ferry::runtime {
namespace {

// As Debian 13's says, and Debian 12's.
constexpr const char* kTrixie =
    "crun version 1.21\ncommit: 10269840aa07fb7e6b7e1acff6198692d8ff5c88\nrundir: /run/crun\n"
    "spec: 1.0.0\n+SYSTEMD +SELINUX +APPARMOR +CAP +SECCOMP +EBPF +CRIU +WASM:wasmedge +YAJL\n";
constexpr const char* kBookworm =
    "crun version 1.8.1\ncommit: f8a096be060b22ccd3d5f3ebe44108517fbf6c30\nrundir: /run/crun\n"
    "spec: 1.0.0\n+SYSTEMD +SELINUX +APPARMOR +CAP +SECCOMP +EBPF +WASM:wasmedge +YAJL\n";

std::string what_is_wrong(const CrunHost& host) {
  std::string all;
  for (const auto& one : crun_host_reasons(host))
    all += one.what + ": " + one.why + ": " + one.remedy + "\n";
  return all;
}

TEST(CrunHosts, OneThatHasAllIsFit) { EXPECT_EQ(what_is_wrong({kTrixie}), ""); }

TEST(CrunHosts, WhatItLacksIsSaidWithWhatToDo) {
  const auto without = what_is_wrong({kBookworm});
  EXPECT_NE(without.find("crun 1.8.1 here is built without CRIU"), std::string::npos) << without;
  EXPECT_NE(without.find("install crun 1.21 or later"), std::string::npos) << without;
  const auto old = what_is_wrong({"crun version 1.20\n+SYSTEMD +CRIU +YAJL\n"});
  EXPECT_NE(old.find("crun 1.20 here is older than 1.21"), std::string::npos) << old;
  for (const char* newer : {"crun version 1.21.0.0.0.5-1026\n+CRIU\n", "crun version 1.28\n+CRIU\n",
                            "crun version 2.0\n+CRIU\n"})
    EXPECT_EQ(what_is_wrong({newer}), "") << newer;
  const auto alone = what_is_wrong({kTrixie, false});
  EXPECT_NE(alone.find("does not find libcriu.so.2"), std::string::npos) << alone;
  const auto hybrid = what_is_wrong({kTrixie, true, "cpu hugetlb"});
  EXPECT_NE(hybrid.find("v2 with cpu hugetlb in /sys/fs/cgroup/unified"), std::string::npos)
      << hybrid;
  EXPECT_NE(hybrid.find("systemd.unified_cgroup_hierarchy=1"), std::string::npos) << hybrid;
  EXPECT_EQ(crun_host_reasons({kBookworm, true, "hugetlb"}).size(), 2u);
}

TEST(CrunHosts, WhatANewerOneHasMadeAnOlderOneMayNotRestore) {
  const nlohmann::json masks = {{"linux", {{"maskedPaths", {"/proc/acpi"}}}}};
  EXPECT_EQ(crun_version(kTrixie), "1.21");
  EXPECT_EQ(crun_version("command not found"), "");
  ASSERT_EQ(crun_version_reasons("1.21", "1.28", masks).size(), 1u);
  EXPECT_EQ(crun_version_reasons("1.21", "1.28", masks)[0].what,
            "crun 1.21 here cannot restore what crun 1.28 has made");
  EXPECT_TRUE(crun_version_reasons("1.21", "1.28", nlohmann::json::object()).empty());
  for (const auto& [here, there] : {std::pair("1.28", "1.21"), std::pair("1.24", "1.28"),
                                    std::pair("1.21", "1.21"), std::pair("1.28", "1.28")})
    EXPECT_TRUE(crun_version_reasons(here, there, masks).empty()) << here << " " << there;
}

}  // namespace
}  // namespace ferry::runtime

// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine_root.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ferry::runtime {
namespace {

using base::Path;

std::string why_not(const std::string& engine, const std::string& root) {
  const auto reasons = engine_root_reasons(engine, root);
  return reasons.empty() ? "" : reasons.front().why;
}

TEST(EngineRoot, IsAPlainAbsolutePath) {
  for (const char* engine : {"runc", "crun"}) {
    EXPECT_EQ(why_not(engine, "/run/other"), "");
    EXPECT_EQ(why_not(engine, "/srv/a b/states"), "");
    for (const auto& bad :
         {std::string("other"), std::string("/"), std::string("/run/../etc"),
          std::string("/run/other/"), std::string("/run//other"), std::string("--help"),
          std::string("/run/a\nb"), "/" + std::string(5000, 'a')})
      EXPECT_NE(why_not(engine, bad), "") << bad;
  }
}

TEST(EngineRoot, IsNotAnotherEngines) {
  for (const char* of_docker :
       {"/run/docker/runtime-runc/moby", "/var/run/docker/runtime-runc/moby", "/run/docker"})
    EXPECT_NE(why_not("runc", of_docker).find("docker's"), std::string::npos) << of_docker;
  EXPECT_NE(why_not("runc", "/run/containerd/runc/k8s.io").find("containerd's"), std::string::npos);
  EXPECT_EQ(why_not("runc", "/run/dockers"), "");
}

TEST(EngineRoot, OfDockerAndPodmanThereIsNone) {
  EXPECT_NE(why_not("docker", "/run/other").find("socket"), std::string::npos);
  EXPECT_NE(why_not("podman", "/run/other").find("configuration"), std::string::npos);
}

class ArrivalRoot : public ::testing::Test {
 protected:
  ArrivalRoot() {
    std::string name = std::filesystem::temp_directory_path() / "engine-root-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~ArrivalRoot() override { std::filesystem::remove_all(directory_); }
  static bool is_fit(const Path& root) {
    return arrival_root_reasons("runc", root.string()).empty();
  }
  Path directory_;
};

TEST_F(ArrivalRoot, IsChecked) {
  EXPECT_TRUE(arrival_root_reasons("docker", "").empty());
  EXPECT_FALSE(arrival_root_reasons("docker", "/run/other").empty());
  EXPECT_FALSE(is_fit("run/other"));
}

TEST_F(ArrivalRoot, IsADirectoryThatOnlyRootWritesTo) {
  EXPECT_EQ(is_fit(directory_), ::geteuid() == 0);
  EXPECT_EQ(is_fit(directory_ / "new/one"), ::geteuid() == 0);
  ASSERT_EQ(::chmod(directory_.c_str(), 0777), 0);
  EXPECT_FALSE(is_fit(directory_));
  EXPECT_FALSE(is_fit(directory_ / "new/one"));
  ASSERT_EQ(::chmod(directory_.c_str(), 0700), 0);
  base::replace_file(directory_ / "file", "", base::Durable::kNo);
  EXPECT_FALSE(is_fit(directory_ / "file"));
  EXPECT_FALSE(is_fit(directory_ / "file/in"));
}

TEST(EngineRoot, IsSaidToTheRuntime) {
  EXPECT_EQ(runtime_at("runc", ""), base::Argv{"runc"});
  EXPECT_EQ(runtime_at("crun", "/run/other"), (base::Argv{"crun", "--root", "/run/other"}));
}

}  // namespace
}  // namespace ferry::runtime

// SPDX-License-Identifier: Apache-2.0
#include "kernel/mounts.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

namespace ferry::kernel {
namespace {

TEST(Mounts, TheRootIsOneOfThem) {
  struct stat root {};
  ASSERT_EQ(::stat("/", &root), 0);
  const auto mounts = mounts_of(::getpid());
  EXPECT_TRUE(std::ranges::any_of(mounts, [&](const Mount& one) {
    return one.point == "/" && !one.type.empty() && !one.id.empty();
  }));
  EXPECT_EQ(own_mounts().size(), mounts.size());
}

TEST(Mounts, OfATaskThatHasGoneThereAreNone) { EXPECT_TRUE(mounts_of(0x7fffffff).empty()); }

TEST(Mounts, APlaceWithASpaceIsNamedAsItIs) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounts take root";
  char pattern[] = "/tmp/ferry-mounts-XXXXXX";
  const base::Path directory = base::Path(::mkdtemp(pattern)) / "a b\\c";
  std::filesystem::create_directory(directory);
  bool unshared = false;
  std::vector<Mount> found;
  std::thread([&] {
    unshared = ::unshare(CLONE_FS | CLONE_NEWNS) == 0 &&
               ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               ::mount("none", directory.c_str(), "tmpfs", 0, "size=64k,mode=700") == 0;
    if (unshared) found = mounts_of(::gettid());
  }).join();
  ASSERT_TRUE(unshared);
  const auto mount = std::ranges::find(found, directory, &Mount::point);
  ASSERT_NE(mount, found.end());
  EXPECT_EQ(mount->type, "tmpfs");
  EXPECT_EQ(mount->root, "/");
  EXPECT_TRUE(mount->options.contains("mode=700"));
  std::filesystem::remove_all(directory.parent_path());
}

}  // namespace
}  // namespace ferry::kernel

// SPDX-License-Identifier: Apache-2.0
#include "process/watches.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>

namespace ferry::process {
namespace {

TEST(WatchedPaths, AreFoundByTheirHandles) {
  char path[] = "/tmp/ferry-watched-XXXXXX";
  const base::Fd file(::mkostemp(path, O_CLOEXEC)), watch(::inotify_init1(IN_CLOEXEC));
  ASSERT_GE(::inotify_add_watch(watch.get(), path, IN_MODIFY), 0);
  const Tree self{::getpid(), {::getpid()}};
  const auto paths = watched_paths(look_at(self));
  const bool found = std::ranges::find(paths, path) != paths.end();
  ::unlink(path);
  // What is gone needs no place.
  EXPECT_TRUE(std::ranges::none_of(watched_paths(look_at(self)), [&](const std::string& one) { return one.starts_with(path); }));
  if (!found && ::geteuid() != 0) GTEST_SKIP() << "handles are opened by root only";
  if (!found) GTEST_SKIP() << "the filesystem of /tmp cannot decode its handles";
}

TEST(WatchedPaths, NothingIsWatchedByMost) { EXPECT_TRUE(watched_paths({{::getpid(), {::getpid()}}, {}}).empty()); }

}  // namespace
}  // namespace ferry::process

// SPDX-License-Identifier: Apache-2.0
#include "process/tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/subprocess.h"

namespace ferry::process {
namespace {

TEST(Tree, HoldsTheRootFirstAndAllBelowIt) {
  const auto child = base::spawn({"sh", "-c", "sleep 1000 & sleep 1001 & wait"});
  const auto deadline = base::mono_now() + std::chrono::seconds(5);
  Tree tree;
  do {
    tree = read_tree(child.pid());
  } while (tree.pids.size() < 3 && base::mono_now() < deadline);
  ASSERT_EQ(tree.pids.size(), 3u);
  EXPECT_EQ(tree.pids[0], child.pid());
  for (size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(kernel::parent_of(tree.pids[i]), child.pid());
    ::kill(tree.pids[i], SIGTERM);
  }
}

TEST(Tree, NoSuchProcessIsRefused) { EXPECT_THROW(read_tree(999999999), base::Error); }

TEST(Tree, CountsThreadsAmongTheIds) {
  std::atomic<bool> stop = false;
  std::thread other([&] {
    while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  const auto tids = inner_tids({::getpid(), {::getpid()}});
  stop = true;
  other.join();
  EXPECT_GE(tids.size(), 2u);
  EXPECT_TRUE(std::ranges::is_sorted(tids));
}

TEST(PidGap, IsClearOfEveryTakenOneForSomeRoom) {
  EXPECT_EQ(pid_gap({}), 300);
  EXPECT_EQ(pid_gap({2, 3, 4}), 1004);
  for (const auto& taken : {std::vector<pid_t>{310}, {300, 364, 428}, {2, 5000, 32767}}) {
    const pid_t gap = pid_gap(taken);
    for (const pid_t pid : taken) EXPECT_TRUE(pid < gap || pid > gap + 64) << pid << " near " << gap;
  }
}

TEST(WrittenFiles, AreTheRegularOnesOpenForWriting) {
  char path[] = "/tmp/ferry-written-XXXXXX";
  const base::Fd written(::mkstemp(path));
  const auto read_only = base::open_file("/proc/self/exe", O_RDONLY);
  const Tree self{::getpid(), {::getpid()}};
  auto files = written_files(self);
  EXPECT_NE(std::ranges::find(files, path), files.end());
  ::unlink(path);
  files = written_files(self);
  EXPECT_EQ(std::ranges::find(files, path), files.end()) << "a deleted file travels inside the images";
}

}  // namespace
}  // namespace ferry::process

// SPDX-License-Identifier: Apache-2.0
#include "process/vfork.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/subprocess.h"
#include "kernel/procfs.h"

namespace ferry::process {
namespace {

// A process that calls vfork; its child execs, and ends, after so long.
class Waiting {
 public:
  explicit Waiting(useconds_t child_lives_us) : parent_(::fork()) {
    if (parent_ != 0) return;
    const pid_t child = ::vfork();
    if (child == 0) {
      ::usleep(child_lives_us);
      ::execl("/bin/true", "true", nullptr);
      ::_exit(1);
    }
    for (;;) ::pause();
  }
  ~Waiting() {
    for (const pid_t child : kernel::children_of(parent_)) ::kill(child, SIGKILL);
    ::kill(parent_, SIGKILL);
    ::waitpid(parent_, nullptr, 0);
  }
  Waiting(const Waiting&) = delete;

  pid_t parent() const { return parent_; }
  pid_t child() const {
    std::vector<pid_t> children;
    while ((children = kernel::children_of(parent_)).empty()) ::usleep(1000);
    return children.front();
  }

 private:
  pid_t parent_;
};

TEST(Vfork, IsFoundAsLongAsTheChildLivesInItsParent) {
  const Waiting tree(30'000'000);
  const std::vector<pid_t> pids{tree.parent(), tree.child()};
  const auto found = wait_for_vforks(pids, base::mono_now() + base::milliseconds(20));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->parent, pids[0]);
  EXPECT_EQ(found->child, pids[1]);
  EXPECT_FALSE(find_vfork({tree.parent()}));
}

TEST(Vfork, IsWaitedFor) {
  const Waiting tree(100'000);
  const std::vector<pid_t> pids{tree.parent(), tree.child()};
  EXPECT_FALSE(wait_for_vforks(pids, base::mono_now() + base::milliseconds(20'000)));
}

TEST(Vfork, AnOrdinaryChildIsNone) {
  const auto child = base::spawn({"sleep", "1000"});
  EXPECT_FALSE(find_vfork({::getpid(), child.pid()}));
}

}  // namespace
}  // namespace ferry::process

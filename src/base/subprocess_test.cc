// SPDX-License-Identifier: Apache-2.0
#include "base/subprocess.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "base/error.h"

namespace ferry::base {
namespace {

TEST(Subprocess, CollectsBothOutputsAndTheStatus) {
  const auto done = run({"sh", "-c", "cat; echo err >&2; exit 7"}, "in\n");
  EXPECT_EQ(done.out, "in\n");
  EXPECT_EQ(done.err, "err\n");
  EXPECT_EQ(done.status, 7);
}

TEST(Subprocess, CarriesMoreThanAPipeHolds) {
  const std::string big(1 << 20, 'x');
  EXPECT_EQ(run({"cat"}, big).out, big);
  EXPECT_EQ(run({"true"}, big).status, 0);  // it never reads: no deadlock, no SIGPIPE
}

TEST(Subprocess, AProgramThatIsNotThereIsAnError) {
  EXPECT_THROW(spawn({"/no/such/program"}), SysError);
}

TEST(Subprocess, WhatFailsInTheChildIsToldHere) {
  SpawnOptions options;
  options.in_child = [] { throw Error({"no such cgroup", "", "", {}, {}}); };
  try {
    spawn({"true"}, options);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("no such cgroup"), std::string::npos);
  }
}

TEST(Subprocess, AChildDiesWithItsOwner) {
  pid_t pid = 0;
  {
    const Child child = spawn({"sleep", "1000"});
    pid = child.pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(Subprocess, NoDescriptorLeaksBeyondTheNamedOnes) {
  const auto pipe = make_pipe();
  SpawnOptions options;
  options.inherit = {pipe.second.get()};
  const auto done = run({"ls", "/proc/self/fd"}, "", options);
  const std::string expected = "\n" + std::to_string(pipe.second.get()) + "\n";
  EXPECT_NE(("\n" + done.out).find(expected), std::string::npos) << done.out;
  EXPECT_EQ(std::count(done.out.begin(), done.out.end(), '\n'), 5) << done.out;  // 0 1 2, that one, ls's own
}

}  // namespace
}  // namespace ferry::base

// SPDX-License-Identifier: Apache-2.0
#include "bench/command.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ferry::bench {
namespace {

using base::milliseconds;

constexpr milliseconds kPlenty{10'000};

TEST(Command, GivesBothOutputsAndTheExitCode) {
  Command command({"sh", "-c", "echo out; echo err >&2; exit 3"}, -1);
  const auto ended = command.finish(kPlenty);
  EXPECT_EQ(ended.status, 3);
  EXPECT_EQ(ended.out, "out\n");
  EXPECT_EQ(ended.err, "err\n");
}

TEST(Command, ReadsTheEndOfItsInputOnlyWhenFinished) {
  Command command({"cat"}, -1);
  EXPECT_EQ(command.finish(kPlenty).status, 0);
}

TEST(Command, FeedsMoreThanAPipeHolds) {
  const std::string much(300'000, 'x');
  EXPECT_EQ(Command({"cat"}, -1).finish(kPlenty, much).out, much);
}

TEST(Command, ThatEndsWithoutReadingItsInputIsJustItsEnd) {
  const std::string much(300'000, 'x');
  EXPECT_EQ(Command({"sh", "-c", "exit 4"}, -1).finish(kPlenty, much).status, 4);
}

TEST(Command, TakesMoreThanAPipeHolds) {
  Command command({"head", "-c", "300000", "/dev/zero"}, -1);
  EXPECT_EQ(command.finish(kPlenty).out.size(), 300'000u);
}

TEST(Command, ThatTakesTooLongIsAnError) {
  Command command({"sleep", "60"}, -1);
  EXPECT_THROW(command.finish(milliseconds(20)), base::Error);
}

TEST(Command, EndsEarlyWhenInterrupted) {
  const auto wake = base::make_pipe();
  base::write_full(wake.second.get(), "x");
  Command command({"sleep", "60"}, wake.first.get());
  try {
    command.finish(kPlenty);
    FAIL() << "it went on";
  } catch (const base::Error& stopped) {
    EXPECT_EQ(stopped.exit(), base::Exit::kCancelled);
  }
}

}  // namespace
}  // namespace ferry::bench

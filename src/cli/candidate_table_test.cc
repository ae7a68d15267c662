// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cli/candidate.h"

namespace ferry::cli {
namespace {

Candidate candidate(const std::string& name, const std::string& about, uint64_t memory_bytes) {
  Candidate one{name, about};
  one.check.source = "east";
  one.check.target = "west";
  one.check.memory_bytes = memory_bytes;
  return one;
}

TEST(CandidateTable, ALineForEachAndColumnsAsWideAsTheyMustBe) {
  EXPECT_EQ(table_of({candidate("docker:web", "nginx:1", 12 << 20),
                      candidate("looper", "python3 looper.py", 0)}),
            "NAME        COMMAND OR IMAGE       MEMORY\n"
            "docker:web  nginx:1              12.0 MiB  can move\n"
            "looper      python3 looper.py           -  can move\n");
}

TEST(CandidateTable, TheFirstReasonAndHowManyMore) {
  auto here = candidate("here", "a", 4096), there = here, both = here, bare = here;
  here.check.own = {
      {"it has a terminal", "who holds the other end stays behind", "start it without one"}};
  there.check.there = {{"no directory /srv", "it works there", ""},
                       {"missing: /bin/x", "it runs it", ""}};
  both.check.own = here.check.own;
  both.check.there = there.check.there;
  bare.check.own = {{"it is paused", "", ""}};
  const auto says = [](const Candidate& one, const std::string& words) {
    const auto table = table_of({one});
    EXPECT_TRUE(table.ends_with("  " + words + "\n")) << table;
    EXPECT_FALSE(one.can_move());
  };
  says(here, "cannot: it has a terminal: who holds the other end stays behind");
  says(there, "cannot, on west: no directory /srv: it works there (and 1 more reason)");
  says(both,
       "cannot: it has a terminal: who holds the other end stays behind (and 2 more reasons)");
  says(bare, "cannot: it is paused");
}

TEST(CandidateTable, ALongCommandIsCutWhereACharacterEnds) {
  const auto row = [](const std::string& about) {
    const auto table = table_of({candidate("x", about, 0)});
    return table.substr(table.find('\n') + 1);
  };
  EXPECT_EQ(row(std::string(40, 'a')),
            "x     " + std::string(40, 'a') + "           -  can move\n");
  EXPECT_EQ(row(std::string(41, 'a')),
            "x     " + std::string(39, 'a') + "…           -  can move\n");
  std::string umlauts, kept;
  for (int i = 0; i < 41; ++i) umlauts += "ü";
  for (int i = 0; i < 39; ++i) kept += "ü";
  EXPECT_NE(row(umlauts).find(kept + "…"), std::string::npos) << row(umlauts);
}

}  // namespace
}  // namespace ferry::cli

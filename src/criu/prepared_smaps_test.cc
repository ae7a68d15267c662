// SPDX-License-Identifier: Apache-2.0
#include "criu/prepared_smaps.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

#include "base/fd.h"
#include "criu/test_task.h"

namespace ferry::criu {
namespace {

// From Linux 6.18.
const std::string kSmaps =
    "55d0c6b0e000-55d0c6b2f000 rw-p 00000000 00:00 0                          [heap]\n"
    "Size:                132 kB\nRss:                   4 kB\nTHPeligible:           0\n"
    "VmFlags: rd wr mr mw me ac \n"
    "7f5d10000000-7f5d10021000 rw-p 00000000 00:00 0 \n"
    "Size:                132 kB\n"
    "VmFlags: rd wr mr mw me nr um \n"
    "7f5d10021000-7f5d14000000 ---p 00000000 00:00 0 \n"
    "VmFlags: mr mw me nr \n"
    "7f5d18000000-7f5d18002000 r--p 00000000 fe:00 247498                     /usr/lib/lib a.so\n"
    "VmFlags: rd mr mw me \n"
    "7f5d18002000-7f5d18006000 r-xp 00002000 fe:00 247498                     /usr/lib/lib a.so\n"
    "VmFlags: rd ex mr mw me \n"
    "7ffc88f9c000-7ffc88fbd000 rw-p 00000000 00:00 0                          [stack]\n"
    "VmFlags: rd wr mr mw me gd ac \n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"
    "VmFlags: ex \n";

std::string maps_of(const std::string& smaps) {
  std::string maps;
  for (size_t at = 0; at < smaps.size();) {
    const size_t end = smaps.find('\n', at) + 1;
    const std::string line = smaps.substr(at, end - at);
    if (line.find('-') < line.find(' ')) maps += line;
    at = end;
  }
  return maps;
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

TEST(PreparedSmaps, HasTheLinesOfMapsAndTheFlagsThatCriuReads) {
  const auto prepared = prepare_smaps(kSmaps, maps_of(kSmaps));
  ASSERT_TRUE(prepared);
  EXPECT_NE(prepared->find("7ffc88f9c000-7ffc88fbd000 rw-p 00000000 00:00 0                        "
                           "  [stack]\nVmFlags: gd \n"),
            std::string::npos)
      << *prepared;
  EXPECT_NE(prepared->find("/usr/lib/lib a.so\nVmFlags: \n"), std::string::npos);
  EXPECT_EQ(prepared->find("kB"), std::string::npos);
  EXPECT_TRUE(same_for_criu(*prepared, kSmaps));
  EXPECT_TRUE(same_for_criu(kSmaps, *prepared));
}

TEST(PreparedSmaps, WhatHasGrownOrIsCutOrMergedHasItsOldFlags) {
  const std::string maps = maps_of(kSmaps);
  // The arena and the heap have grown, the stack too; the program's library is cut by mprotect.
  std::string now =
      replaced(maps, "7f5d10000000-7f5d10021000 rw-p", "7f5d10000000-7f5d10400000 rw-p");
  now = replaced(now, "7f5d10021000-7f5d14000000 ---p", "7f5d10400000-7f5d14000000 ---p");
  now = replaced(now, "55d0c6b2f000 rw-p", "55d0c6f00000 rw-p");
  now = replaced(now, "7ffc88f9c000-", "7ffc88f00000-");
  now = replaced(
      now,
      "7f5d18002000-7f5d18006000 r-xp 00002000 fe:00 247498                     /usr/lib/lib "
      "a.so\n",
      "7f5d18002000-7f5d18003000 r-xp 00002000 fe:00 247498                     /usr/lib/lib a.so\n"
      "7f5d18003000-7f5d18006000 rwxp 00003000 fe:00 247498                     /usr/lib/lib "
      "a.so\n");
  const auto prepared = prepare_smaps(kSmaps, now);
  ASSERT_TRUE(prepared);
  EXPECT_NE(prepared->find("7f5d10000000-7f5d10400000 rw-p 00000000 00:00 0 \nVmFlags: nr \n"),
            std::string::npos);
  // Merged again.
  EXPECT_TRUE(prepare_smaps(*prepared, maps));
  EXPECT_FALSE(same_for_criu(*prepared, kSmaps));
}

TEST(PreparedSmaps, WhatIsNotKnownIsNotGuessed) {
  const std::string maps = maps_of(kSmaps);
  const std::string fresh = "7f5d20000000-7f5d20001000 rw-p 00000000 00:00 0 \n";
  EXPECT_FALSE(prepare_smaps(kSmaps, replaced(maps, "7ffc88f9c000", fresh + "7ffc88f9c000")))
      << "an area that is new";
  EXPECT_FALSE(
      prepare_smaps(kSmaps, replaced(maps, "00002000 fe:00 247498", "00002000 fe:00 247499")))
      << "another file";
  EXPECT_FALSE(prepare_smaps(kSmaps, replaced(maps, "00002000 fe:00", "00001000 fe:00")))
      << "another part of it";
  EXPECT_FALSE(prepare_smaps(replaced(kSmaps, "mr mw me nr \n7f5d18", "mr mw me nr dd \n7f5d18"),
                             replaced(replaced(maps, "7f5d10021000 rw-p", "7f5d10022000 rw-p"),
                                      "7f5d10021000-", "7f5d10022000-")))
      << "one area where two with different flags were";
  EXPECT_FALSE(prepare_smaps(replaced(kSmaps, "VmFlags: rd wr mr mw me gd ac \n", ""), maps))
      << "cut off";
  EXPECT_FALSE(prepare_smaps(kSmaps, ""));
  EXPECT_FALSE(prepare_smaps("", maps));
  EXPECT_FALSE(prepare_smaps(kSmaps + kSmaps, maps)) << "not of one moment";
}

TEST(PreparedSmaps, CutsAreNoDifferenceButFlagsRightsAndFilesAre) {
  EXPECT_TRUE(same_for_criu(kSmaps, replaced(kSmaps, "nr um \n", "nr \n")))
      << "registered with a userfaultfd or not";
  const std::string split =
      replaced(kSmaps, "7f5d10000000-7f5d10021000 rw-p 00000000 00:00 0 \n",
               "7f5d10000000-7f5d10011000 rw-p 00000000 00:00 0 \nVmFlags: rd wr nr \n"
               "7f5d10011000-7f5d10021000 rw-p 00000000 00:00 0 \n");
  EXPECT_TRUE(same_for_criu(kSmaps, split));
  EXPECT_FALSE(same_for_criu(kSmaps, replaced(kSmaps, "me nr um", "me nr lo um"))) << "mlock";
  EXPECT_FALSE(same_for_criu(kSmaps, replaced(kSmaps, "me nr um", "me nr dc um")))
      << "MADV_DONTFORK";
  EXPECT_FALSE(same_for_criu(kSmaps, replaced(kSmaps, "7f5d14000000 ---p", "7f5d14000000 r--p")));
  EXPECT_FALSE(same_for_criu(kSmaps, replaced(kSmaps, "[heap]", "")));
  EXPECT_FALSE(same_for_criu(kSmaps, replaced(kSmaps, "7ffc88fbd000", "7ffc88fbe000")));
  EXPECT_FALSE(same_for_criu(kSmaps, ""));
}

TEST(PreparedSmaps, TellsWhatIsRestoredOnDemand) {
  const auto all = ranges_on_demand(kSmaps);
  ASSERT_TRUE(all);
  std::vector<std::pair<uint64_t, uint64_t>> found;
  for (const auto& range : *all) found.emplace_back(range.start, range.end);
  EXPECT_EQ(found, (std::vector<std::pair<uint64_t, uint64_t>>{{0x55d0c6b0e000, 0x55d0c6b2f000},
                                                               {0x7f5d10000000, 0x7f5d14000000},
                                                               {0x7ffc88f9c000, 0x7ffc88fbd000}}));
  for (const char* flag : {"lo", "ht", "dp"}) {
    const auto without = ranges_on_demand(replaced(kSmaps, "me nr um", std::string("me ") + flag));
    ASSERT_TRUE(without);
    EXPECT_EQ(without->size(), 3u);
    EXPECT_EQ((*without)[1].start, 0x7f5d10021000u) << flag;
  }
  EXPECT_FALSE(ranges_on_demand(replaced(kSmaps, "me nr um", "me ss")));
  EXPECT_EQ(ranges_on_demand(*prepare_smaps(kSmaps, maps_of(kSmaps)))->size(), 3u);
}

TEST(PreparedSmaps, FlagsOfTheFreezeAreTakenAsTheyAre) {
  const std::string maps = "1000-2000 rw-p 00000000 00:00 0 \n3000-5000 rw-p 00000000 00:00 0 \n"
                           "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";
  const auto smaps = smaps_with_flags(maps, {{{0x1000, 0x2000}, "lo "}, {{0x3000, 0x5000}, "dc nr "}});
  EXPECT_EQ(smaps, "1000-2000 rw-p 00000000 00:00 0 \nVmFlags: lo \n3000-5000 rw-p 00000000 00:00 0 \nVmFlags: nr dc \n"
                   "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\nVmFlags: \n");
  EXPECT_FALSE(smaps_with_flags(maps, {{{0x1000, 0x2000}, ""}})) << "one is not told of";
  EXPECT_FALSE(smaps_with_flags(maps, {{{0x1000, 0x2000}, ""}, {{0x3000, 0x4000}, ""}})) << "one has another size";
}

TEST(PreparedSmaps, OfARealTask) {
  void* at = ::mmap(nullptr, kTestPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(at, MAP_FAILED);
  auto* turn = static_cast<std::atomic<int>*>(at);
  const TestTask task([turn](const TestTask::Say& say) {
    void* area =
        ::mmap(nullptr, 16 * kTestPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("ready");
    while (*turn == 0) ::usleep(1000);
    ::madvise(area, 16 * kTestPage, MADV_DONTFORK);
    say("changed");
  });
  task.await("ready");
  const auto read = [&](const char* name) {
    return base::read_file(fmt::format("/proc/{}/{}", task.pid(), name));
  };
  const std::string early = read("smaps"), maps = read("maps");
  const auto prepared = prepare_smaps(early, maps);
  ASSERT_TRUE(prepared) << early << maps;
  EXPECT_TRUE(same_for_criu(*prepared, read("smaps")));
  *turn = 1;
  task.await("changed");
  EXPECT_FALSE(same_for_criu(*prepared, read("smaps"))) << "a flag that maps does not show";
  if (const auto reader = kernel::VmaFlagsReader::try_open()) {
    const auto exact = smaps_with_flags(read("maps"), reader->try_read(task.pid()).value());
    ASSERT_TRUE(exact);
    EXPECT_TRUE(same_for_criu(*exact, read("smaps")));
  }
  ::munmap(at, kTestPage);
}

}  // namespace
}  // namespace ferry::criu

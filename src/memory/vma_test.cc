// SPDX-License-Identifier: Apache-2.0
#include "memory/vma.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "memory/test_child.h"

namespace ferry::memory {
namespace {

constexpr const char* kMaps =
    "00400000-00452000 r-xp 00000000 08:02 173521                             /usr/bin/a b\n"
    "00e03000-00e24000 rw-p 00000000 00:00 0                                  [heap]\n"
    "35b1800000-35b1820000 rw-p 00000000 00:00 0 \n"
    "35b1a21000-35b1a22000 rw-p 00000000 00:00 0                              [anon:arena 7]\n"
    "7f0000000000-7f0000200000 rw-p 00000000 00:05 1034                       /dev/zero (deleted)\n"
    "7f0000200000-7f0000400000 rw-s 00000000 00:01 1035                       /dev/zero (deleted)\n"
    "7f0000400000-7f0000600000 rw-p 00000000 00:0f 1036                       /anon_hugepage (deleted)\n"
    "7f0000600000-7f0000601000 rw-s 00000000 00:10 1037                       /[aio] (deleted)\n"
    "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]\n"
    "7ffc00031000-7ffc00035000 r--p 00000000 00:00 0                          [vvar]\n"
    "7ffc00035000-7ffc00037000 r-xp 00000000 00:00 0                          [vdso]\n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

TEST(Vma, IsReadFromMaps) {
  const auto vmas = parse_maps(kMaps);
  ASSERT_EQ(vmas.size(), 12u);
  EXPECT_EQ(vmas[0].name, "/usr/bin/a b");
  EXPECT_EQ(vmas[0].inode, 173521u);
  EXPECT_EQ(vmas[2].range, (AddressRange{0x35b1800000, 0x35b1820000}));
  EXPECT_EQ(vmas[2].name, "");
  EXPECT_EQ(vmas[3].name, "[anon:arena 7]");
  std::vector<std::string> names;
  for (const Vma& vma : vmas) {
    if (vma.may_be_plane()) names.push_back(vma.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"[heap]", "", "[anon:arena 7]", "[stack]"}));
  EXPECT_TRUE(parse_maps("what\nis-this rw\n\n").empty());
}

TEST(Vma, GetsItsFlagsFromSmaps) {
  const auto vmas = parse_smaps(
      "35b1800000-35b1820000 rw-p 00000000 00:00 0 \n"
      "Size:                128 kB\n"
      "VmFlags: rd wr mr mw me lo ac sd \n"
      "aab1800000-aab1820000 rw-p 00000000 00:00 0 \n"
      "Size:                128 kB\n"
      "VmFlags: rd wr mr mw me ac \n");
  ASSERT_EQ(vmas.size(), 2u);
  EXPECT_TRUE(vmas[0].has_flag("lo"));
  EXPECT_FALSE(vmas[0].is_plane());
  EXPECT_FALSE(vmas[1].has_flag("lo"));
  EXPECT_TRUE(vmas[1].is_plane());
}

struct VmaCase {
  const char* description;
  const char* flags;
  bool plane;
};

TEST(Vma, IsOfThePlaneExactlyWhenCriuRestoresItLazily) {
  const VmaCase cases[] = {
      {"usual", "rd wr mr mw me ac sd", true},   {"a stack that grows", "rd wr mr mw me gd ac", true},
      {"locked", "rd wr mr mw me lo ac", false}, {"huge pages of a pool", "rd wr mr mw me de ht", false},
      {"MAP_DROPPABLE", "rd wr mr mw me dp", false}, {"a device's", "rd wr mr mw me io pf", false},
      {"a shadow stack", "rd wr mr mw me ss", false}, {"not for children", "rd wr mr mw me dc", true},
  };
  for (const VmaCase& one : cases) {
    const Vma vma{{0x1000, 0x2000}, "rw-p", 0, "", one.flags};
    EXPECT_EQ(vma.is_plane(), one.plane) << one.description;
  }
}

Vma anonymous(uint64_t start, uint64_t end) { return {{start, end}, "rw-p", 0, "", ""}; }

class Judgement : public ::testing::Test {
 protected:
  Judgement() {
    known_.vmas = {anonymous(0x10000, 0x20000), anonymous(0x40000, 0x50000)};
    known_.excluded.insert({0x30000, 0x38000});
    known_.locked_kib = 32;
  }
  Plane known_;
};

TEST_F(Judgement, RemembersWhatSmapsSaid) {
  const auto plane = judge({anonymous(0x10000, 0x28000), anonymous(0x30000, 0x38000), anonymous(0x41000, 0x42000)}, 32, known_);
  ASSERT_TRUE(plane);
  EXPECT_EQ(plane->pages(), (PageSet{{0x10000, 0x28000}, {0x41000, 0x42000}}));
  EXPECT_EQ(plane->excluded, (PageSet{{0x30000, 0x38000}}));
  EXPECT_TRUE(plane->assumed.empty());
}

TEST_F(Judgement, AssumesOfNewMemoryThatItIsLikeTheRest) {
  const auto plane = judge({anonymous(0x90000, 0x91000)}, 32, known_);
  ASSERT_TRUE(plane);
  EXPECT_EQ(plane->assumed, (PageSet{{0x90000, 0x91000}}));
  const auto later = judge({anonymous(0x8f000, 0x91000)}, 32, *plane);
  ASSERT_TRUE(later);
  EXPECT_EQ(later->assumed, (PageSet{{0x90000, 0x91000}}));
}

TEST_F(Judgement, AsksSmapsWhenItCannotKnow) {
  EXPECT_FALSE(judge({anonymous(0x10000, 0x20000)}, 36, known_)) << "other memory is locked than before";
  EXPECT_FALSE(judge({anonymous(0x10000, 0x38000)}, 32, known_)) << "of both kinds";
}

TEST(Plane, OfALiveProcessLeavesOutWhatIsLocked) {
  const Region region(16), file(1);
  TestChild child([&](int step) {
    if (step == 0) ::mlock(region.at(4), 4 * kPageBytes);
    if (step == 1) ::munlock(region.at(4), 4 * kPageBytes);
  });
  auto plane = try_plane_of(child.pid());
  ASSERT_TRUE(plane);
  EXPECT_TRUE(plane->pages().covers(region.whole()));
  child.do_step(0);
  plane = try_refresh(child.pid(), *plane);
  ASSERT_TRUE(plane);
  EXPECT_FALSE(plane->pages().intersects(region.pages(4, 4)));
  EXPECT_TRUE(plane->excluded.covers(region.pages(4, 4)));
  EXPECT_TRUE(plane->pages().covers(region.pages(0, 4)));
  EXPECT_TRUE(plane->pages().covers(region.pages(8, 8)));
  child.do_step(1);
  plane = try_refresh(child.pid(), *plane);
  ASSERT_TRUE(plane);
  EXPECT_TRUE(plane->pages().covers(region.whole()));
}

TEST(Plane, OfNobodyIsNothing) {
  EXPECT_FALSE(try_plane_of(1 << 30));
  EXPECT_FALSE(try_plane_of(2)) << "kernel threads have no memory";
}

}  // namespace
}  // namespace ferry::memory

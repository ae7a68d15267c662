// SPDX-License-Identifier: Apache-2.0
//
// Files on storage that both hosts see: they are what they were, and do not travel. The lab's hosts have the directory in common where it
// was started.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>

#include "support/move_test.h"

namespace ferry::testing {
namespace {

constexpr uint64_t kTable = 32 << 20;
constexpr const char* kOwn = "/srv/own";  // each host's own

class CommonFilesMoveTest : public MoveTest {
 protected:
  void SetUp() override {
    std::string path = "/tmp/ferry-common-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    common_ = path;
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(common_);
    MoveTest::SetUp();
    std::filesystem::current_path(before);
    for (const char* host : {"east", "west"}) lab().check(host, fmt::format("mkdir -p {}", kOwn));
    run("east", "writer", {}, {"python3", program("two_places.py"), common_.string(), std::to_string(kTable), kOwn, "4096"});
    ASSERT_TRUE(comes_true([&] { return last_number("east") > 5; }));
  }
  void TearDown() override {
    MoveTest::TearDown();
    std::filesystem::remove_all(common_);
  }
  int last_number(const std::string& host) const {
    std::istringstream log(ferry(host, {"logs", "writer"}).out);
    std::string line, last;
    while (std::getline(log, line)) last = line;
    return last.empty() || last == "READY" ? 0 : std::stoi(last);
  }
  uint64_t inode_of_table() const {
    struct stat info {};
    EXPECT_EQ(::stat((common_ / "table").c_str(), &info), 0);
    return info.st_ino;
  }
  // Goes on, with what it has written in both places.
  void expect_whole(const std::string& host) const {
    const int there = last_number(host);
    EXPECT_TRUE(comes_true([&] { return last_number(host) > there + 120; }));
    EXPECT_EQ(ferry(host, {"stop", "writer"}).status, 0);
    for (const std::string& place : {common_.string(), std::string(kOwn)}) {
      EXPECT_EQ(lab().check(host, fmt::format("seq $(wc -l < {0}/log) | cmp - {0}/log && echo same", place)), "same") << place;
      EXPECT_EQ(lab().check(host, fmt::format("python3 -c 'print(int.from_bytes(open(\"{0}/table\", \"rb\").read(8), \"little\") >= {1})'", place, there)), "True");
    }
    EXPECT_EQ(lab().check(host, fmt::format("ls -A {} | grep ^[.] ; true", common_.string())), "");
  }
  base::Path common_;
};

TEST_F(CommonFilesMoveTest, StayWhereTheyAre) {
  const uint64_t inode = inode_of_table();
  for (const auto& [from, to] : {std::pair{"east", "west"}, {"west", "east"}}) {
    const Json report = move("writer", from, to);
    ASSERT_FALSE(report.is_null());
    EXPECT_EQ(inode_of_table(), inode);
    EXPECT_LT(report.at("bytes_sent"), kTable);
  }
  expect_whole("east");
}

// As on a filesystem of the network, which may write back late.
TEST_F(CommonFilesMoveTest, AreWrittenBackBeforeTheOtherHostReadsThem) {
  const uint64_t inode = inode_of_table();
  const auto result = ferry("east", {"move", "writer", "root@west"}, "source.storage=remote");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(inode_of_table(), inode);
  expect_whole("west");
}

TEST_F(CommonFilesMoveTest, AreUntouchedByAMoveThatFails) {
  const uint64_t inode = inode_of_table();
  EXPECT_NE(ferry("east", {"move", "writer", "root@west"}, "target.restored=fail").status, 0);
  EXPECT_EQ(inode_of_table(), inode);
  expect_whole("east");
}

}  // namespace
}  // namespace ferry::testing

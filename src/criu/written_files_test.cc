// SPDX-License-Identifier: Apache-2.0
#include "criu/written_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "criu/image_file.h"

namespace ferry::criu {
namespace {

class WrittenFilesTest : public testing::Test {
 protected:
  WrittenFilesTest() {
    char pattern[] = "/tmp/ferry-images-XXXXXX";
    images_ = ::mkdtemp(pattern);
    files_.magic = remapped_.magic = std::string(8, 'm');
  }
  ~WrittenFilesTest() override { std::filesystem::remove_all(images_); }

  uint32_t add(const std::string& name, uint32_t flags, uint32_t mode = S_IFREG | 0644) {
    image::OpenFile file;
    file.set_type(1);
    file.set_id(++last_id_);
    file.mutable_reg()->set_id(last_id_);
    file.mutable_reg()->set_name(name);
    file.mutable_reg()->set_flags(flags);
    file.mutable_reg()->set_mode(mode);
    files_.entries.push_back(file.SerializeAsString());
    return last_id_;
  }
  void remap(uint32_t id) {
    image::RemappedPath path;
    path.set_orig_id(id);
    remapped_.entries.push_back(path.SerializeAsString());
  }
  void map(uint32_t id, uint32_t status, uint32_t flags) {
    auto& mapping = *memory_.add_vmas();
    mapping.set_shmid(id);
    mapping.set_status(status);
    mapping.set_fdflags(flags);
  }
  std::vector<std::string> found(WrittenBy means = WrittenBy::kAnyMeans) {
    const RawImage memory{files_.magic, {memory_.SerializeAsString()}};
    for (const auto& [name, image] : {std::pair{"files.img", &std::as_const(files_)}, {"remap-fpath.img", &remapped_}, {"mm-2.img", &memory}}) {
      base::replace_file(images_ / name, "", base::Durable::kNo);
      write_raw_image(images_ / name, *image);
    }
    return written_files(images_, means);
  }

  base::Path images_;
  RawImage files_, remapped_;
  image::Memory memory_;
  uint32_t last_id_ = 0;
};

TEST_F(WrittenFilesTest, AreThoseThatCanChangeEachOnce) {
  add("/tmp/b", O_RDWR);
  add("/tmp/a", O_WRONLY | O_APPEND);
  add("/tmp/b", O_RDWR);
  add("/tmp/read", O_RDONLY);
  add("/tmp/path", O_PATH | O_RDWR);
  add("/dev/null", O_RDWR, S_IFCHR | 0666);
  add("/proc/self/comm", O_WRONLY);
  EXPECT_EQ(found(), (std::vector<std::string>{"/tmp/a", "/tmp/b"}));
}

TEST_F(WrittenFilesTest, OneThatIsOnlyMapped) {
  constexpr uint32_t kPrivate = 1u << 6, kShared = 1u << 7;
  map(add("/tmp/shared", 0), kShared, O_RDWR);
  map(add("/tmp/only-read", 0), kShared, O_RDONLY);
  map(add("/usr/lib/library", 0), kPrivate, O_RDWR);
  EXPECT_EQ(found(), (std::vector<std::string>{"/tmp/shared"}));
}

TEST_F(WrittenFilesTest, ThoseWhoseTimesDoNotTell) {
  constexpr uint32_t kShared = 1u << 7;
  add("/tmp/open", O_RDWR);
  add("/tmp/fifo", O_RDWR, S_IFIFO | 0600);
  map(add("/tmp/mapped", O_RDWR), kShared, O_RDWR);
  EXPECT_EQ(found(WrittenBy::kMapping), (std::vector<std::string>{"/tmp/mapped"}));
}

TEST_F(WrittenFilesTest, AFifoHoweverItIsOpen) {
  add("/tmp/fifo", O_RDONLY, S_IFIFO | 0600);
  EXPECT_EQ(found(), (std::vector<std::string>{"/tmp/fifo"}));
}

TEST_F(WrittenFilesTest, NotOneWithoutAName) {
  remap(add("/tmp/deleted", O_RDWR));
  add("/tmp/kept", O_RDWR);
  EXPECT_EQ(found(), (std::vector<std::string>{"/tmp/kept"}));
}

}  // namespace
}  // namespace ferry::criu

// SPDX-License-Identifier: Apache-2.0
#include "criu/image_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace ferry::criu {
namespace {

class ImageFileTest : public testing::Test {
 protected:
  ImageFileTest() {
    char pattern[] = "/tmp/ferry-image-XXXXXX";
    path_ = base::Path(::mkdtemp(pattern)) / "files.img";
  }
  ~ImageFileTest() override { std::filesystem::remove_all(path_.parent_path()); }
  void write(std::string_view bytes) { std::ofstream(path_, std::ios::binary) << bytes; }

  // As CRIU 4.2 wrote it of a tracee: two magics, then a timerfd (id 7) with its owner, which images.proto does not know.
  static std::string real_image() {
    std::string bytes("\x19\x43\x56\x54\x38\x31\x30\x56", 8);
    const std::string timer("\x08\x07\x10\x02\x1a\x0a\x08\x00\x10\x00\x18\x00\x20\x00\x28\x00\x20\x01\x28\x03\x30\x00\x38\x05\x40\x06\x48\x00\x50\x09", 30);
    const std::string entry = std::string("\x08\x11\x10\x07\x62\x1e", 6) + timer;
    bytes += std::string({static_cast<char>(entry.size()), 0, 0, 0});
    return bytes + entry;
  }
  base::Path path_;
};

TEST_F(ImageFileTest, KeepsWhatItDoesNotKnow) {
  write(real_image());
  ImageFile<image::OpenFile> file(path_);
  ASSERT_EQ(file.entries.size(), 1u);
  EXPECT_EQ(file.entries[0].id(), 7u);
  EXPECT_EQ(file.entries[0].tfd().ticks(), 3u);
  EXPECT_EQ(file.entries[0].tfd().insec(), 9u);
  file.write();
  ImageFile<image::OpenFile> again(path_);
  EXPECT_EQ(base::read_file(path_).size(), real_image().size()) << "the owner is still in it";
  EXPECT_EQ(again.entries.at(0).SerializeAsString(), file.entries[0].SerializeAsString());
  EXPECT_EQ(base::read_file(path_).substr(0, 8), real_image().substr(0, 8));
}

TEST_F(ImageFileTest, ShowsAChangeToTheNextReader) {
  write(real_image());
  ImageFile<image::OpenFile> file(path_);
  file.entries[0].mutable_tfd()->set_vsec(1'000'000);
  file.write();
  ImageFile<image::OpenFile> again(path_);
  EXPECT_EQ(again.entries.at(0).tfd().vsec(), 1'000'000u);
  EXPECT_EQ(again.entries.at(0).tfd().isec(), 0u);
  EXPECT_EQ(again.entries.at(0).tfd().ticks(), 3u);
}

TEST_F(ImageFileTest, HasNoEntriesWhenItIsNotThere) { EXPECT_TRUE(ImageFile<image::OpenFile>(path_).entries.empty()); }

TEST_F(ImageFileTest, IsNotReadWhenItIsTornAnywhere) {
  const auto whole = real_image();
  for (size_t size = 0; size < whole.size(); ++size) {
    if (size == 8) continue;  // without any entry
    write(whole.substr(0, size));
    EXPECT_THROW(ImageFile<image::OpenFile>{path_}, base::Error) << size;
  }
}

}  // namespace
}  // namespace ferry::criu

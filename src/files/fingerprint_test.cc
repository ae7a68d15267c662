// SPDX-License-Identifier: Apache-2.0
#include "files/fingerprint.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace ferry::files {
namespace {

class FingerprintTest : public ::testing::Test {
 protected:
  FingerprintTest() { EXPECT_NE(::mkdtemp(directory_), nullptr); }
  ~FingerprintTest() override { std::filesystem::remove_all(directory_); }
  base::Path write(const std::string& name, std::string_view text) const {
    const auto path = base::Path(directory_) / name;
    base::replace_file(path, text, base::Durable::kNo);
    return path;
  }

 private:
  char directory_[32] = "/tmp/ferry-print-XXXXXX";
};

TEST_F(FingerprintTest, OfAProgramIsItsBuildId) {
  const auto own = fingerprint_of("/proc/self/exe");
  ASSERT_TRUE(own);
  EXPECT_EQ(own->size, std::filesystem::file_size("/proc/self/exe"));
  if (own->build_id.empty()) GTEST_SKIP() << "this program was linked without a build-id";
  EXPECT_EQ(own->build_id.size() % 2, 0u);
  EXPECT_EQ(own->sample_hash, 0u);
}

TEST_F(FingerprintTest, ASmallFileIsHashedWhole) {
  const auto first = fingerprint_of(write("a", "hello")), same = fingerprint_of(write("b", "hello")),
             other = fingerprint_of(write("c", "hellO")), longer = fingerprint_of(write("d", "hello "));
  EXPECT_EQ(first, same);
  EXPECT_NE(first, other);
  EXPECT_NE(first, longer);
}

TEST_F(FingerprintTest, ALargeFileIsSampledFromEndToEnd) {
  std::string text(3 << 20, 'x');
  const auto before = fingerprint_of(write("a", text));
  for (const size_t at : {size_t{0}, size_t{128} * 1024, text.size() / 2, text.size() - 1}) {
    auto changed = text;
    changed.replace(at, std::min<size_t>(128 * 1024, text.size() - at), std::min<size_t>(128 * 1024, text.size() - at), 'y');
    EXPECT_NE(fingerprint_of(write("b", changed)), before) << at;
  }
}

TEST_F(FingerprintTest, OddFiles) {
  EXPECT_EQ(fingerprint_of(write("empty", ""))->size, 0u);
  EXPECT_FALSE(fingerprint_of("/nowhere"));
  EXPECT_FALSE(fingerprint_of("/tmp"));
  EXPECT_FALSE(fingerprint_of("/dev/null"));
  const auto fifo = write("x", "").string() + ".fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_FALSE(fingerprint_of(fifo));
  // Headers that promise more than there is.
  std::string elf = base::read_file("/proc/self/exe").substr(0, 70);
  EXPECT_TRUE(fingerprint_of(write("cut", elf))->build_id.empty());
  elf = base::read_file("/proc/self/exe").substr(0, 64);
  elf[56] = elf[57] = '\xff';  // e_phnum
  EXPECT_TRUE(fingerprint_of(write("many", elf))->build_id.empty());
}

}  // namespace
}  // namespace ferry::files

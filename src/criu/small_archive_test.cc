// SPDX-License-Identifier: Apache-2.0
//
// The library in a program that starts tar(1) as CRIU does, beside tar(1) itself.
#include "criu/small_archive.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>

#include "base/subprocess.h"
#include "criu/test_task.h"

namespace ferry::criu {
namespace {

using base::Argv;

class SmallArchiveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, for device nodes and owners";
    std::filesystem::create_directories(from());
    std::filesystem::create_directories(into());
  }
  base::Path from() const { return directory_.path() / "from"; }
  base::Path into() const { return directory_.path() / "into"; }
  base::Path archive() const { return directory_.path() / "archive.tar.gz"; }

  // env(1) calls execvp(3), as CRIU does; the library looks at what it is called for.
  static void run_tar(bool with_library, const Argv& arguments, int in, int out) {
    Argv argv = {"env", "tar"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    base::SpawnOptions options{.stdin_fd = in, .stdout_fd = out};
    if (with_library) options.environment = {"LD_PRELOAD=" FERRY_BINARY_DIR "/libferry-criu.so"};
    EXPECT_EQ(base::exit_code(base::spawn(argv, options).wait()), 0);
  }
  void make(bool with_library) const {
    const base::Fd in(::open(from().c_str(), O_RDONLY | O_DIRECTORY));
    const base::Fd out(::open(archive().c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
    run_tar(with_library,
            {"--create", "--gzip", "--no-unquote", "--no-wildcards", "--one-file-system",
             "--check-links", "--preserve-permissions", "--sparse", "--numeric-owner",
             "--directory", "/proc/self/fd/0", "."},
            in.get(), out.get());
  }
  void unpack(bool with_library) const {
    const base::Fd in(::open(archive().c_str(), O_RDONLY));
    run_tar(with_library,
            {"--extract", "--gzip", "--no-unquote", "--no-wildcards", "--directory", into()},
            in.get(), -1);
  }
  bool is_ours() const {
    std::ifstream file(archive());
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    return bytes.compare(10, 5, "ferry") == 0;
  }
  // Type, mode, owner, size, time, path, where it leads to, and the contents.
  static std::string listing(const base::Path& directory) {
    const auto list = base::run({"sh", "-c",
                                 "cd \"$1\" && find . -printf '%y %m %U %G %T@ %p %l ' -exec stat "
                                 "-c '%t:%T' {} \\; | sed 's/\\.[0-9]* / /' | sort; "
                                 "find . -type f | sort | xargs -r cksum",
                                 "sh", directory.string()});
    EXPECT_EQ(list.status, 0) << list.err;
    return list.out;
  }

  void fill() const {
    const auto in = [this](const char* name) { return (from() / name).string(); };
    std::filesystem::create_directories(from() / "one/two");
    std::ofstream(in("one/two/file")) << "contents";
    std::ofstream(in("empty"));
    std::ofstream(in("large")) << std::string(70'000, 'x');  // more than a block of the .gz
    EXPECT_EQ(::symlink("/proc/self/fd", in("fd").c_str()), 0);
    EXPECT_EQ(::mknod(in("null").c_str(), S_IFCHR, makedev(1, 3)), 0);
    EXPECT_EQ(::mkfifo(in("pipe").c_str(), 0622), 0);
    EXPECT_EQ(::chmod(in("null").c_str(), 0666), 0);
    EXPECT_EQ(::chmod(in("one/two/file").c_str(), 04755), 0);
    EXPECT_EQ(::lchown(in("fd").c_str(), 12, 34), 0);
    EXPECT_EQ(::chown(in("one").c_str(), 1000, 100), 0);
    EXPECT_EQ(::chmod(from().c_str(), 01777), 0);
    const timespec then[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    for (const char* name : {"one/two/file", "one/two", "one", "fd", ""}) {
      EXPECT_EQ(::utimensat(AT_FDCWD, in(name).c_str(), then, AT_SYMLINK_NOFOLLOW), 0);
    }
  }

 private:
  TemporaryDirectory directory_;
};

TEST_F(SmallArchiveTest, IsUnpackedAsItWas) {
  fill();
  make(true);
  EXPECT_TRUE(is_ours());
  unpack(true);
  EXPECT_EQ(listing(into()), listing(from()));
}

TEST_F(SmallArchiveTest, TarUnpacksItToo) {
  fill();
  make(true);
  EXPECT_TRUE(is_ours());
  unpack(false);
  EXPECT_EQ(listing(into()), listing(from()));
}

TEST_F(SmallArchiveTest, WhatTarHasMadeIsLeftToTar) {
  fill();
  make(false);
  EXPECT_FALSE(is_ours());
  unpack(true);
  EXPECT_EQ(listing(into()), listing(from()));
}

TEST_F(SmallArchiveTest, AnEmptyDirectoryHasAModeToo) {
  EXPECT_EQ(::chmod(from().c_str(), 0710), 0);
  make(true);
  EXPECT_TRUE(is_ours());
  unpack(true);
  EXPECT_EQ(listing(into()), listing(from()));
}

TEST_F(SmallArchiveTest, WhatIsNothingForItIsLeftToTar) {
  const auto name = (from() / "file").string();
  const std::vector<std::pair<const char*, std::function<void()>>> kinds = {
      {"large", [&] { std::ofstream(name) << std::string(200'000, 'x'); }},
      {"linked twice",
       [&] {
         std::ofstream(name) << "once";
         std::filesystem::create_hard_link(name, name + "2");
       }},
      {"a long name", [&] { std::ofstream(name + std::string(120, 'n')) << "x"; }},
      {"a long link", [&] { std::filesystem::create_symlink(std::string(150, 'l'), name); }},
  };
  for (const auto& [what, put] : kinds) {
    std::filesystem::remove_all(from());
    std::filesystem::remove_all(into());
    SetUp();
    put();
    make(true);
    EXPECT_FALSE(is_ours()) << what;
    unpack(true);
    EXPECT_EQ(listing(into()), listing(from())) << what;
  }
}

// One that was cut off on its way: tar says so, as it would of its own.
TEST_F(SmallArchiveTest, WhatIsBrokenIsTarsToJudge) {
  fill();
  make(true);
  std::filesystem::resize_file(archive(), 1000);
  const base::Fd in(::open(archive().c_str(), O_RDONLY));
  const auto ended =
      base::run({"env", "LD_PRELOAD=" FERRY_BINARY_DIR "/libferry-criu.so", "tar", "--extract",
                 "--gzip", "--no-unquote", "--no-wildcards", "--directory", into().string()},
                {}, {.stdin_fd = in.get()});
  EXPECT_NE(ended.status, 0);
}

// The end of a mount stays what it is; what is mounted there is not in the archive.
TEST_F(SmallArchiveTest, OfOneFileSystemOnly) {
  std::filesystem::create_directories(from() / "mounted");
  const auto made = base::run(
      {"unshare", "-m", "env", "LD_PRELOAD=" FERRY_BINARY_DIR "/libferry-criu.so", "sh", "-c",
       "mount -t tmpfs -o mode=0700 x \"$1/mounted\" && touch \"$1/mounted/there\" && exec env "
       "tar --create --gzip --no-unquote --no-wildcards --one-file-system --check-links "
       "--preserve-permissions --sparse --numeric-owner --directory /proc/self/fd/0 . <\"$1\" "
       ">\"$2\"",
       "sh", from().string(), archive().string()});
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_TRUE(is_ours());
  unpack(true);
  EXPECT_TRUE(std::filesystem::is_empty(into() / "mounted"));
}

}  // namespace
}  // namespace ferry::criu

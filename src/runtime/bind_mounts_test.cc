// SPDX-License-Identifier: Apache-2.0
#include "runtime/bind_mounts.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/program.h"

namespace ferry::runtime {
namespace {

namespace fs = std::filesystem;

class BindMountsTest : public ::testing::Test {
 protected:
  BindMountsTest() {
    char pattern[] = "/tmp/ferry-bind-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    fs::create_directories(directory_ / "data");
    write("data/file", "content");
    write("conf", "words");
  }
  ~BindMountsTest() override { fs::remove_all(directory_); }

  void write(const std::string& name, const std::string& text) const {
    base::replace_file(directory_ / name, text, base::Durable::kNo);
  }
  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  // Of a container that sees them where they are here, as this process does.
  BindChoice choose(const std::vector<std::string>& wanted) const {
    return choose_binds({{path("data"), path("data")}, {path("conf"), path("conf")}}, wanted, {},
                        ::getpid());
  }
  static std::string text_of(const process::Reasons& reasons) {
    std::string all;
    for (const auto& reason : reasons)
      all += reason.what + ": " + reason.why + " (" + reason.remedy + ")\n";
    return all;
  }

  base::Path directory_;
};

TEST_F(BindMountsTest, OnlyWhatIsNamedIsSent) {
  const auto choice = choose({path("data") + "/"});
  EXPECT_TRUE(choice.reasons.empty()) << text_of(choice.reasons);
  ASSERT_EQ(choice.binds.size(), 2u);
  EXPECT_TRUE(choice.binds[0].is_sent);
  EXPECT_TRUE(choice.binds[0].is_directory);
  EXPECT_EQ(choice.binds[0].bytes, 7u);
  EXPECT_FALSE(choice.binds[1].is_sent);
}

TEST_F(BindMountsTest, WhatIsNoBindMountIsToldWithThoseThereAre) {
  const auto text = text_of(choose({path("data/file")}).reasons);
  EXPECT_NE(text.find(path("data/file") + " is no bind mount of it"), std::string::npos) << text;
  for (const char* name : {"data", "conf"})
    EXPECT_NE(text.find(path(name) + " (at "), std::string::npos) << text;
}

TEST_F(BindMountsTest, AnotherOneOfThatNameIsNotWhatTheContainerHas) {
  const auto choice = choose_binds({{path("conf"), path("data")}}, {path("data")}, {}, ::getpid());
  EXPECT_NE(text_of(choice.reasons).find("took its name"), std::string::npos)
      << text_of(choice.reasons);
}

TEST_F(BindMountsTest, WhatIsOfEachHostItsOwnIsNeverSent) {
  fs::create_symlink("/proc", directory_ / "link");
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{AF_UNIX, {}};
  std::strcpy(address.sun_path, path("socket").c_str());
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  for (const std::string& never :
       {std::string("/"), std::string("/proc/sys"), std::string("/sys"), std::string("/dev/shm"),
        std::string("/run"), std::string("/var/run/docker.sock"), std::string("/var"),
        std::string("/var/lib/docker/volumes"), std::string("/var/lib/containers"), path("link"),
        path("link/self"), path("socket"), path("data/storage/below"), path("data")}) {
    EXPECT_NE(why_never_sent(never, {path("data/storage")}), "") << never;
  }
  ::close(listener);
  for (const std::string& can : {path("data"), path("conf"), std::string("/srv/web"),
                                 std::string("/running"), std::string("/var/lib/dockerlike")}) {
    EXPECT_EQ(why_never_sent(can, {}), "") << can;
  }
  const auto choice = choose_binds({{"/run", "/run"}}, {"/run"}, {}, ::getpid());
  EXPECT_NE(text_of(choice.reasons).find("/run is never sent"), std::string::npos);
}

TEST_F(BindMountsTest, WhatIsMissingIsToldWithTheFlag) {
  auto binds = choose({}).binds;
  EXPECT_TRUE(bind_reasons(binds).empty());
  fs::remove(path("conf"));
  const auto text = text_of(bind_reasons(binds));
  EXPECT_NE(text.find("add --with-bind " + path("conf")), std::string::npos) << text;
  binds[1].never_sent = "it is a socket";
  EXPECT_EQ(text_of(bind_reasons(binds)).find("--with-bind"), std::string::npos);
}

TEST_F(BindMountsTest, WhatDiffersIsInTheWayAndTheSameIsNot) {
  const auto binds = choose({path("data"), path("conf")}).binds;
  EXPECT_TRUE(bind_reasons(binds).empty());
  EXPECT_FALSE(BindPlaces(binds).makes(path("data")));
  write("conf", "other");
  EXPECT_NE(text_of(bind_reasons(binds)).find(path("conf") + " is there already, and differs"),
            std::string::npos);
  fs::remove_all(path("data"));
  fs::create_symlink("/nowhere", path("data"));
  EXPECT_EQ(bind_reasons(binds).size(), 2u) << text_of(bind_reasons(binds));
}

TEST_F(BindMountsTest, PlacesGoWithTheDirectoriesThatWereMadeForThem) {
  std::vector<BindMount> binds;
  for (const char* name : {"new/deep/data", "new/deep/data/in/it", "new/conf"})
    binds.push_back({.path = path(name),
                     .at = {},
                     .is_sent = true,
                     .is_directory = base::Path(name).filename() != "conf"});
  BindPlaces places(binds);
  EXPECT_FALSE(fs::exists(path("new")));
  places.make();
  EXPECT_TRUE(fs::is_directory(path("new/deep/data/in/it")));
  EXPECT_TRUE(fs::is_regular_file(path("new/conf")));
  write("new/deep/data/content", "x");
  BindPlaces::from(nlohmann::json::parse(places.note().dump())).remove();
  EXPECT_FALSE(fs::exists(path("new")));
  EXPECT_TRUE(fs::exists(path("conf")));
}

TEST_F(BindMountsTest, WhatOthersHavePutBesideItStays) {
  BindPlaces places({{.path = path("new/data"), .at = {}, .is_sent = true, .is_directory = true}});
  places.make();
  write("new/theirs", "x");
  places.remove();
  EXPECT_FALSE(fs::exists(path("new/data")));
  EXPECT_TRUE(fs::exists(path("new/theirs")));
}

// Between the look and the making.
TEST_F(BindMountsTest, WhatOthersHaveMadeMeanwhileIsNotTaken) {
  BindPlaces places({{.path = path("new"), .at = {}, .is_sent = true, .is_directory = true}});
  fs::create_directory(path("new"));
  EXPECT_THROW(places.make(), base::Error);
  places.remove();
  EXPECT_TRUE(fs::exists(path("new")));
}

}  // namespace
}  // namespace ferry::runtime

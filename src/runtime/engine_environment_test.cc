// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine_environment.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>

#include "base/fd.h"
#include "base/subprocess.h"
#include "runtime/local_http.h"

namespace ferry::runtime {
namespace {

using base::Path;

constexpr const char* kStorage = "CONTAINERS_STORAGE_CONF";

std::string why_not(const std::string& engine, const EngineEnvironment& named) {
  const auto reasons = engine_environment_reasons(engine, named);
  return reasons.empty() ? "" : reasons.front().why;
}

TEST(EngineEnvironment, EachEngineHasItsOwnNames) {
  EXPECT_EQ(why_not("docker", {"DOCKER_HOST=unix:///run/other.sock", "PATH=/opt/a:/opt/b c"}), "");
  EXPECT_EQ(
      why_not("podman", {"CONTAINERS_STORAGE_CONF=/etc/o.conf", "CONTAINERS_CONF=/etc/c.conf"}),
      "");
  EXPECT_EQ(why_not("runc", {"PATH=/opt/runc"}), "");
  EXPECT_NE(why_not("podman", {"DOCKER_HOST=unix:///run/other.sock"}), "");
  EXPECT_NE(why_not("docker", {"CONTAINERS_CONF=/etc/c.conf"}), "");
  for (const char* foreign : {"LD_PRELOAD=/tmp/x.so", "FERRY_CRIU=/tmp/criu", "=/x", "PATH"})
    EXPECT_NE(why_not("podman", {foreign}), "") << foreign;
  EXPECT_NE(why_not("runc", {"PATH=/a", "PATH=/b"}).find("before"), std::string::npos);
}

TEST(EngineEnvironment, ValuesArePlacesOfThatHost) {
  for (const char* bad :
       {"DOCKER_HOST=", "DOCKER_HOST=tcp://10.77.0.2:2375", "DOCKER_HOST=unix://run/x",
        "DOCKER_HOST=unix:///run/../x", "DOCKER_HOST=/run/x", "PATH=", "PATH=bin", "PATH=/a::/b"})
    EXPECT_NE(why_not("docker", {bad}), "") << bad;
  EXPECT_NE(why_not("docker", {"DOCKER_HOST=unix:///run/" + std::string(110, 'x')}), "");
  EXPECT_NE(why_not("podman", {std::string(kStorage) + "=other.conf"}), "");
  EXPECT_NE(why_not("podman", {std::string(kStorage) + "=/a\nb"}), "");
}

class ArrivalEnvironment : public ::testing::Test {
 protected:
  ArrivalEnvironment() {
    std::string name = std::filesystem::temp_directory_path() / "engine-environment-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~ArrivalEnvironment() override { std::filesystem::remove_all(directory_); }

  static std::string lack(const std::string& engine, const std::string& named) {
    const auto reasons = arrival_environment_reasons(engine, {named});
    return reasons.empty() ? "" : reasons.front().what;
  }
  base::Fd listen_at(const Path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy_n(path.c_str(), path.native().size(), address.sun_path);
    base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket.get(), 4), 0);
    return socket;
  }
  Path directory_;
};

TEST_F(ArrivalEnvironment, WhatIsNamedMustBeThere) {
  const auto file = directory_ / "other.conf", socket = directory_ / "d.sock",
             program = directory_ / "podman";
  const auto storage = std::string(kStorage) + "=" + file.string(),
             host = "DOCKER_HOST=unix://" + socket.string(),
             path = "PATH=/nowhere:" + directory_.string();
  EXPECT_NE(lack("podman", storage).find("no file"), std::string::npos);
  EXPECT_NE(lack("docker", host).find("no socket"), std::string::npos);
  EXPECT_NE(lack("podman", path).find("no podman"), std::string::npos);
  base::replace_file(file, "", base::Durable::kNo);
  base::replace_file(program, "", base::Durable::kNo);
  EXPECT_NE(lack("podman", path), "") << "it cannot be executed";
  ::chmod(program.c_str(), 0755);
  const auto listening = listen_at(socket);
  EXPECT_EQ(lack("podman", storage) + lack("docker", host) + lack("podman", path), "");
  EXPECT_NE(lack("docker", "DOCKER_HOST=unix://" + file.string()).find("no socket"),
            std::string::npos);
  EXPECT_EQ(listener_at(socket), ::getpid());
  EXPECT_EQ(listener_at(file), std::nullopt);
}

// One that is named, and after it the environment as it was.
TEST(EngineEnvironment, IsInForceAsLongAsItLives) {
  const std::string path = std::getenv("PATH");
  ::setenv(kStorage, "/etc/mine.conf", 1);
  ::unsetenv("CONTAINERS_CONF");
  const auto own = engine_environment("podman");
  const auto whole = engine_environment("podman", {"PATH=/opt/a", "CONTAINERS_CONF=/etc/o.conf"});
  EXPECT_EQ(own, (EngineEnvironment{"CONTAINERS_STORAGE_CONF=/etc/mine.conf", "PATH=" + path}));
  EXPECT_EQ(whole, (EngineEnvironment{"CONTAINERS_STORAGE_CONF=/etc/mine.conf",
                                      "CONTAINERS_CONF=/etc/o.conf", "PATH=/opt/a:" + path}));
  {
    const EngineEnvironmentInForce here("podman", whole);
    EXPECT_EQ(engine_environment("podman"), whole);
    {
      const EngineEnvironmentInForce other("podman",
                                           {"PATH=" + path});  // the usual storage is meant
      EXPECT_EQ(std::getenv(kStorage), nullptr);
    }
    {
      const EngineEnvironmentInForce unknown("podman", {});
      EXPECT_EQ(engine_environment("podman"), whole);
    }
    EXPECT_EQ(engine_environment("podman"), whole);
  }
  EXPECT_EQ(engine_environment("podman"), own);
  ::unsetenv(kStorage);
}

TEST(EngineEnvironment, GoesBeforeACommandOfAShell) {
  EXPECT_EQ(shell_words_of({}), "");
  const auto words = shell_words_of({"CONTAINERS_CONF=/a 'b' $c", "PATH=/opt/x"});
  const auto told =
      base::run({"sh", "-c", words + "sh -c 'echo \"$CONTAINERS_CONF\"; echo \"$PATH\"'"});
  EXPECT_EQ(told.out, "/a 'b' $c\n/opt/x:" + std::string(std::getenv("PATH")) + "\n");
}

}  // namespace
}  // namespace ferry::runtime

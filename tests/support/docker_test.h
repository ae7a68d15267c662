// SPDX-License-Identifier: Apache-2.0
//
// What tests of docker's containers share: hosts with docker, which finds ferry as its criu, and on east an image "python".
#pragma once

#include "bench/docker_scripts.h"
#include "support/container_test.h"

namespace ferry::testing {

inline constexpr const char* kLooper = "python3 /programs/looper.py 100";

// east and west have docker, north has none. One lab for all of them: a daemon takes a second to start.
class DockerTest : public ContainerTest {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite() { lab_.reset(); }
  // On a bridge that both hosts have, and each its own address in it.
  static void make_lan(const std::string& host);
  // docker takes what comes in on a bridge of its own for one of its containers, and leads it nowhere else.
  static void remove_lan();
  static void start_docker(const std::string& host, const bench::DockerSetup& setup);
  void SetUp() override;
  void TearDown() override;

  Json move(const std::string& name, const std::string& from, const std::string& to, const Argv& options = {}) const {
    return FerryTest::move("docker:" + name, from, to, options);
  }
  // Of the web counter, in docker's own network.
  static constexpr const char *kEast = "10.77.0.1", *kWest = "10.77.0.2";
  static constexpr int kPublished = 8088;
  void run_published(const std::string& name) const;
  void run_looper(const std::string& name, const std::string& options = {}) const;
  // A service on the network that both hosts have.
  void run_web_counter(const std::string& options = {}) const;

  std::string log(const std::string& name, const std::string& host) const;
  int lines(const std::string& name, const std::string& host) const { return looper_lines(log(name, host), 0); }
  bool goes_on(const std::string& name, const std::string& host) const;
  Json inspect(const std::string& name, const std::string& host) const;
};

}  // namespace ferry::testing

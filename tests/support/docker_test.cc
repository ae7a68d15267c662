// SPDX-License-Identifier: Apache-2.0
#include "support/docker_test.h"

#include <fmt/format.h>

namespace ferry::testing {

namespace {

constexpr const char* kRemoveAll = R"sh(
  ferry relay stop --all
  docker ps -aq | xargs -r docker rm -fv
  docker volume ls -q | xargs -r docker volume rm
  docker network ls --filter type=custom --format '{{.Name}}' | grep -vx lan | xargs -r docker network rm
)sh";

}  // namespace

void DockerTest::SetUpTestSuite() {
  const auto layer = bench::docker_layer(FERRY_BINARY_DIR);
  if (!why_no_lab().empty() || !std::filesystem::exists(layer / "usr/sbin/dockerd")) return;
  LabOptions options{.hosts = {"east", "west", "north"}};
  for (const char* host : {"east", "west"}) options.host_layers.push_back(fmt::format("{}={}", host, layer.string()));
  lab_ = std::make_unique<Lab>(options);
  for (const char* host : {"east", "west"}) {
    start_docker(host, {.criu = FERRY_BINARY_DIR "/criu/criu"});
    make_lan(host);
  }
  const auto made = lab_->exec("east", {"bash", "-c", bench::kMakePythonImage, "bash", "python"});
  ASSERT_EQ(made.status, 0) << made.err;
}

void DockerTest::make_lan(const std::string& host) {
  lab_->check(host,
              "docker network create --subnet 10.77.0.0/24 -o com.docker.network.bridge.name=br0 "
              "--gateway $(ip -4 -br addr show br0 | grep -o '10[.0-9]*' | head -n 1) lan");
}

void DockerTest::remove_lan() {
  for (const char* host : {"east", "west"}) lab_->check(host, "docker network rm lan");
}

void DockerTest::start_docker(const std::string& host, const bench::DockerSetup& setup) {
  const auto started = lab_->shell(host, bench::start_docker_script(setup));
  ASSERT_EQ(started.status, 0) << started.out << started.err;
}

void DockerTest::SetUp() {
  if (const auto reason = why_no_lab(); !reason.empty()) GTEST_SKIP() << reason;
  if (!lab_) GTEST_SKIP() << "there is no docker in " << FERRY_BINARY_DIR << "/docker (tools/get-docker makes it)";
}

void DockerTest::TearDown() {
  if (!lab_) return;
  for (const char* host : {"east", "west"}) {
    lab_->shell(host, kRemoveAll);
    if (lab_->shell(host, "docker network inspect lan").status != 0) make_lan(host);
  }
}

void DockerTest::run_published(const std::string& name) const {
  remove_lan();
  lab_->check("east", fmt::format("docker run -d --name {0} -p {1}:{2} -v {3}/programs:/programs:ro python python3 /programs/web_counter.py {2}",
                                  name, kPublished, kPort, FERRY_BINARY_DIR));
  ASSERT_TRUE(comes_true([&] { return log(name, "east").find("READY") != std::string::npos; }));
}

void DockerTest::run_looper(const std::string& name, const std::string& options) const {
  lab_->check("east", fmt::format("docker run -d --name {} -v {}/programs:/programs:ro {} python {}", name, FERRY_BINARY_DIR, options, kLooper));
  ASSERT_TRUE(comes_true([&] { return lines(name, "east") >= 3; }));
}

void DockerTest::run_web_counter(const std::string& options) const {
  lab_->check("east", fmt::format("docker run -d --name web --network lan --ip {} -v {}/programs:/programs:ro {} "
                                  "python python3 /programs/web_counter.py {}",
                                  kAddress, FERRY_BINARY_DIR, options, kPort));
  ASSERT_TRUE(comes_true([&] { return log("web", "east").find("READY") != std::string::npos; }));
}

std::string DockerTest::log(const std::string& name, const std::string& host) const {
  std::string text = lab_->shell(host, fmt::format("docker logs {} 2>&1", name)).out;
  std::erase(text, '\r');  // of a terminal
  return text;
}

bool DockerTest::goes_on(const std::string& name, const std::string& host) const {
  const int before = lines(name, host);
  return before > 0 && comes_true([&] { return lines(name, host) > before + 3; });
}

Json DockerTest::inspect(const std::string& name, const std::string& host) const {
  const auto said = lab_->shell(host, fmt::format("docker inspect {}", name));
  return said.status == 0 ? Json::parse(said.out).at(0) : Json();
}

}  // namespace ferry::testing

// SPDX-License-Identifier: Apache-2.0
#include "support/podman_test.h"

#include <fmt/format.h>

#include "bench/docker_scripts.h"

namespace ferry::testing {

namespace {

// Its own file system: an overlay cannot have its upper directory on another overlay, as the host's
// root is one.
constexpr const char* kGiveStorage =
    "mkdir -p /var/lib/containers && mount -t tmpfs podman /var/lib/containers";

const std::string kMakeImage = fmt::format(R"sh(
  cd "$(mktemp -d)"
  {}
  mkdir -p programs && cp "{}"/programs/*.py programs/
  mkdir -p -m 750 data && echo image >data/of-the-image && chown 33:33 data
  tar -cf - . | podman import --quiet - localhost/box:1
)sh",
                                           bench::kFillPythonRoot, FERRY_BINARY_DIR);

base::Path podman_layer() { return base::Path(FERRY_BINARY_DIR) / "podman"; }

}  // namespace

void PodmanTest::SetUpTestSuite() {
  if (std::filesystem::exists(podman_layer() / "usr/bin/podman")) make_hosts({podman_layer()});
}

void PodmanTest::make_hosts(const std::vector<base::Path>& layers, const std::string& prepare) {
  if (!why_no_lab().empty()) return;
  LabOptions options{.hosts = {"east", "west", "north"}};
  for (const char* host : {"east", "west"}) {
    for (const auto& layer : layers)
      options.host_layers.push_back(fmt::format("{}={}", host, layer.string()));
  }
  lab_ = std::make_unique<Lab>(options);
  for (const char* host : {"east", "west"}) {
    lab_->check(host, prepare);
    lab_->check(host, kGiveStorage);
  }
  const auto made = lab_->shell("east", kMakeImage);
  ASSERT_EQ(made.status, 0) << made.err;
}

void PodmanTest::SetUp() {
  if (const auto reason = why_no_lab(); !reason.empty()) GTEST_SKIP() << reason;
  if (!lab_)
    GTEST_SKIP() << "there is no podman in " << podman_layer().string()
                 << " (tools/get-podman makes it)";
}

void PodmanTest::TearDown() {
  if (!lab_) return;
  for (const char* host : {"east", "west"}) {
    lab_->shell(host,
                "podman rm -f -t 0 -a; podman volume rm -f -a; ip netns del box; ip link del vbox; "
                "rm -rf /srv/box");
  }
  lab_->shell("north",
              "ip neigh flush all");  // the next one has another MAC, which nobody announces
}

void PodmanTest::run(const std::string& options, const std::string& command) const {
  const auto said = lab_->shell(
      "east", fmt::format("podman run -d --name box --runtime {} {} localhost/box:1 {}", runtime(),
                          options, command));
  ASSERT_EQ(said.status, 0) << said.err;
  ASSERT_EQ(state("east"), "running");
}

void PodmanTest::run_looper(const std::string& options) const {
  run(options, "python3 /programs/looper.py 20");
  ASSERT_TRUE(comes_true([&] { return lines("east") >= 3; })) << log("east");
}

void PodmanTest::run_web_counter(const std::string& options, const std::string& link) const {
  lab_->check("east", fmt::format("ip netns add box && ip -n box link set lo up && {} && "
                                  "ip -n box link set eth0 up && "
                                  "ip -n box addr add {}/24 dev eth0",
                                  link, kAddress));
  run("--network ns:/run/netns/box " + options,
      fmt::format("python3 /programs/web_counter.py {}", kPort));
  ASSERT_TRUE(comes_true([&] { return log("east").starts_with("READY"); })) << log("east");
}

std::string PodmanTest::state(const std::string& host, const std::string& name) const {
  return lab_->check(host,
                     fmt::format("podman ps -a -f name=^{0}$ -q | grep -q . && podman inspect -f "
                                 "'{{{{.State.Status}}}}' {0} || true",
                                 name));
}

std::string PodmanTest::log(const std::string& host) const {
  std::string text = lab_->shell(host, "podman logs box 2>&1").out;
  std::erase(text, '\r');  // of a terminal
  return text;
}

bool PodmanTest::goes_on(const std::string& host) const {
  const int before = lines(host);
  return before > 0 && comes_true([&] { return lines(host) > before + 3; });
}

std::string PodmanTest::traces(const std::string& host) const {
  return lab_
      ->shell(host,
              "(podman ps -a -q; podman volume ls -q; runc list -q; ls /run/libpod/exits; "
              "ls /run/crun 2>/dev/null; "
              "ls /var/lib/containers/storage/overlay-containers | grep -v '^containers.'; "
              "ls /run/netns /run/ferry/criu 2>/dev/null | grep -v ':$'; "
              "ls /run/ferry/ssh-* 2>/dev/null; mount | grep /merged; "
              "pgrep -x conmon; find /sys/fs/cgroup -name 'libpod-*') | "
              "grep .")
      .out;
}

}  // namespace ferry::testing

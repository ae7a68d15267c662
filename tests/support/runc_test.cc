// SPDX-License-Identifier: Apache-2.0
#include "support/runc_test.h"

#include <fmt/format.h>

#include "bench/docker_scripts.h"

namespace ferry::testing {

namespace {

constexpr const char* kBundle = "/srv/bundle";

// `bash -c SCRIPT bash DIRECTORY ENGINE`: a bundle with a Python of its own.
const std::string kMakeBundle = fmt::format(R"sh(
  set -e
  mkdir -p "$1/rootfs/programs" && cd "$1/rootfs"
  {}
  cp "{}"/programs/*.py programs/
  cd .. && "$2" spec
)sh",
                                            bench::kFillPythonRoot, FERRY_BINARY_DIR);

// `python3 -c SCRIPT CONFIG NETWORK READONLY WORD…`: what it runs, in which network, whether it may
// write to its root ("": it may), and that it has no terminal.
constexpr const char* kConfigure = R"py(
import json, sys
path = sys.argv[1]
config = json.load(open(path))
config["process"].update(terminal=False, args=sys.argv[4:])
for space in list(config["linux"]["namespaces"]):
    if space["type"] != "network" or not sys.argv[2]: continue
    if sys.argv[2] == "host": config["linux"]["namespaces"].remove(space)
    else: space["path"] = sys.argv[2]
config["root"]["readonly"] = bool(sys.argv[3])
config["hostname"] = "box"
json.dump(config, open(path, "w"))
)py";

}  // namespace

void RuncTest::SetUpTestSuite() { make_hosts("runc", bench::docker_layer(FERRY_BINARY_DIR)); }

void CrunTest::SetUpTestSuite() { make_hosts("crun", crun_layer(), kOneVersionOfCgroups); }

void RuncTest::make_hosts(const std::string& engine, const base::Path& layer,
                          const std::string& prepare) {
  const auto has = [&](const char* directory) {
    return std::filesystem::exists(layer / directory / engine);
  };
  if (!why_no_lab().empty() || (!has("usr/sbin") && !has("usr/bin"))) return;
  LabOptions options{.hosts = {"east", "west", "north"}};
  for (const char* host : {"east", "west"})
    options.host_layers.push_back(fmt::format("{}={}", host, layer.string()));
  lab_ = std::make_unique<Lab>(options);
  for (const char* host : {"east", "west"}) lab_->check(host, prepare);
  const auto made = lab_->exec("east", {"bash", "-c", kMakeBundle, "bash", kBundle, engine});
  ASSERT_EQ(made.status, 0) << made.err;
}

void RuncTest::SetUp() {
  if (const auto reason = why_no_lab(); !reason.empty()) GTEST_SKIP() << reason;
  if (!lab_)
    GTEST_SKIP() << "there is no " << engine() << " in " << FERRY_BINARY_DIR
                 << "/docker or /crun (tools/get-docker and tools/get-crun make them)";
  lab_->check("east", fmt::format("cp -a {} {}", kBundle, bundle()));
}

void RuncTest::TearDown() {
  if (!lab_) return;
  for (const char* host : {"east", "west"}) {
    lab_->shell(host,
                fmt::format("for root in /run/{0} {1}; do "
                            "{0} --root $root list -q | xargs -r -n 1 {0} --root $root delete -f; "
                            "done; ip netns del box; ip link del vbox; "
                            "rm -rf {1} /srv/test-* /var/lib/ferry/containers /var/log/box*",
                            engine(), kOtherRoot));
  }
  lab_->shell("north",
              "ip neigh flush all");  // the next one has another MAC, which nobody announces
}

std::string RuncTest::bundle() {
  return fmt::format("/srv/test-{}",
                     ::testing::UnitTest::GetInstance()->current_test_info()->name());
}

void RuncTest::run(const Argv& command, const std::string& name, const std::string& network,
                   Root root) const {
  Argv configure{"python3", "-c", kConfigure, bundle() + "/config.json", network,
                 root == Root::kReadOnly ? "readonly" : ""};
  configure.insert(configure.end(), command.begin(), command.end());
  ASSERT_EQ(lab_->exec("east", configure).status, 0);
  lab_->check(
      "east",
      fmt::format(
          "({0} run -d --bundle {1} {2} </dev/null 2>&1 | cat >/var/log/{2}.log) >/dev/null 2>&1 &",
          engine(), bundle(), name));
  ASSERT_TRUE(comes_true([&] { return state(name, "east") == "running"; })) << log("east");
}

void RuncTest::run_looper(Root root) const {
  run({"python3", "/programs/looper.py", "20"}, "box", "", root);
  ASSERT_TRUE(comes_true([&] { return lines("east") >= 3; })) << log("east");
}

void RuncTest::run_web_counter(Name name, Kind kind, const std::string& segment) const {
  const Argv counter{"python3", "/programs/web_counter.py", std::to_string(kPort)};
  if (name == Name::kNone) run(counter);
  const auto space =
      name == Name::kNone
          ? lab_->check("east", engine() + " state box | sed -n 's/.*\"pid\": \\([0-9]*\\).*/\\1/p'")
          : "box";
  if (name == Name::kNetns) lab_->check("east", "ip netns add box && ip -n box link set lo up");
  const char* link =
      kind == Kind::kVeth
          ? "ip link add vbox type veth peer name eth0 netns {0} && ip link set vbox master {1} up"
          : "ip link add link {1} name eth0 netns {0} type macvlan mode bridge";
  lab_->check("east", fmt::format(fmt::runtime(link), space, segment));
  const auto inside =
      name == Name::kNone ? fmt::format("nsenter --net -t {} ip", space) : "ip -n box";
  lab_->check("east", fmt::format("{0} link set eth0 up mtu 1400 && {0} addr add {1}/24 dev eth0 "
                                  "&& {0} route add default via 10.77.0.1 metric 7",
                                  inside, kAddress));
  if (name == Name::kNetns) run(counter, "box", kNetwork);
  ASSERT_TRUE(comes_true([&] { return log("east").starts_with("READY"); })) << log("east");
}

std::string RuncTest::state(const std::string& name, const std::string& host) const {
  const auto said = lab_->shell(host, fmt::format("{} state {}", engine(), name));
  return said.status == 0 ? Json::parse(said.out)["status"].get<std::string>() : "";
}

std::string RuncTest::log(const std::string& host) const {
  return lab_
      ->shell(host,
              "cat /var/log/box.log /var/lib/ferry/containers/*-box.log 2>/dev/null | "
              "grep -v -e '(criu/cr-service.c' -e '^read unixpacket' -e '^criu failed' -e '^log "
              "file: ' -e '^CRIU restoring' -e '^Failed unpacking' -e '^Can.t receive'")
      .out;
}

bool RuncTest::goes_on(const std::string& host) const {
  const int before = lines(host);
  return before > 0 && comes_true([&] { return lines(host) > before + 3; });
}

bool RuncTest::network_has_left(const std::string& host) {
  const auto look = fmt::format(
      "ls {} 2>/dev/null; ip -o link | grep -e vbox -e fy-; "
      "grep -L tidy /var/lib/ferry/journal/* 2>/dev/null",
      kNetwork);
  return comes_true([&] { return lab_->shell(host, look).out.empty(); }, 30'000);
}

std::string RuncTest::remains(const std::string& host) const {
  return lab_
      ->shell(host, fmt::format("ls -d /run/{}/box {} 2>/dev/null; find /sys/fs/cgroup -name box",
                                engine(), bundle()))
      .out;
}

std::string RuncTest::last_line(const std::string& host) const {
  const auto text =
      lab_->shell(
              host,
              "cat /var/log/box.log /var/lib/ferry/containers/*-box.log 2>/dev/null | tail -n 1")
          .out;
  return text.substr(0, text.find('\n'));
}

std::string RuncTest::network_of(const std::string& host) const {
  return lab_
      ->shell(host,
              "ip -n box -d -o link show eth0 | grep -o 'mtu [0-9]*\\|ether [^ ]*\\|macvlan mode "
              "[a-z]*'; ip -n box -4 -o addr show eth0 | grep -o 'inet [^ ]*'; "
              "ip -n box route show default | grep -o 'via [^ ]*\\|metric.*'")
      .out;
}

Background RuncTest::start_counter_load() const {
  return start_ferry(
      "north", {"load-test", fmt::format("http://{}:{}/next", kAddress, kPort), "--rate", "200",
                "--connections", "10", "--counter", "--json", "--until-eof-of-stdin"});
}

void RuncTest::expect_guard_finishes(
    const std::function<bool(const std::string& host)>& has_left) const {
  auto open = connect();
  int last = 0;
  for (const char* fault : {"source.dumped=kill", "target.restored=kill"}) {
    EXPECT_NE(ferry("east", {"move", engine() + ":box", "root@west"}, fault).status, 0) << fault;
    EXPECT_EQ(open.next(), ++last) << fault;
    EXPECT_TRUE(has_left("west")) << fault;
  }
  const auto what = engine() + ":box";
  ASSERT_NE(ferry("east", {"move", what, "root@west"}, "source.granted=kill").status, 0);
  EXPECT_EQ(open.next(), ++last);
  EXPECT_TRUE(has_left("east")) << ferry("east", {"resolve", what}).out;
  EXPECT_EQ(state("box", "west"), "running");
  ASSERT_NE(ferry("west", {"move", what, "root@east"}, "target.resuming=kill").status, 0);
  EXPECT_EQ(open.next(), ++last);
}

}  // namespace ferry::testing

// SPDX-License-Identifier: Apache-2.0
//
// What is to be true of a container, whether it is runc's or crun's.
#include <fmt/format.h>

#include <csignal>
#include <cstdlib>

#include "support/load.h"
#include "support/runc_test.h"

namespace ferry::testing {

namespace {

// `python3 -c SCRIPT CONFIG`: with a directory and a file of the host mounted into it.
constexpr const char* kBind = R"py(
import json, sys
config = json.load(open(sys.argv[1]))
for at, source in {"/data": "/srv/test-data", "/etc/words": "/srv/test-words"}.items():
    config["mounts"].append({"destination": at, "source": source, "type": "none", "options": ["rbind", "rw"]})
json.dump(config, open(sys.argv[1], "w"))
)py";

// `python3 -c SCRIPT CONFIG`: what it may have at most.
constexpr const char* kLimit = R"py(
import json, sys
config = json.load(open(sys.argv[1]))
config["linux"].setdefault("resources", {}).update(
    {"memory": {"limit": 100 << 20}, "cpu": {"quota": 60000, "period": 100000}, "pids": {"limit": 9}})
json.dump(config, open(sys.argv[1], "w"))
)py";
// `python3 -c SCRIPT CGROUP`: how many more processes fit in, besides this one.
constexpr const char* kForkInto = R"py(
import os, signal, sys
open(sys.argv[1] + "/cgroup.procs", "w").write("0")
made = []
try:
    while len(made) < 100:
        pid = os.fork()
        if pid == 0: signal.pause()
        made.append(pid)
except BlockingIOError: pass
for pid in made: os.kill(pid, 9), os.waitpid(pid, 0)
print(len(made), end="")
)py";
// The same: one more process, which writes more than 100 MiB.
constexpr const char* kFill = R"py(
import sys
open(sys.argv[1] + "/cgroup.procs", "w").write("0")
open("/proc/self/oom_score_adj", "w").write("1000")
print(len(b"x" * (150 << 20)))
)py";
constexpr const char* kCgroup = "/sys/fs/cgroup/box";

}  // namespace

void RuncTest::goes_on_there_and_back() const {
  run_looper();
  const auto there = move("east", "west");
  ASSERT_FALSE(there.is_null());
  EXPECT_EQ(there["engine"], engine());
  EXPECT_EQ(there["mode"], "pre") << there.dump(1);
  EXPECT_EQ(state("box", "west"), "running");
  EXPECT_EQ(state("box", "east"), "");
  const int last = std::atoi(last_line("east").c_str());
  ASSERT_TRUE(goes_on("west")) << log("west");
  EXPECT_EQ(std::atoi(log("west").c_str()), last + 1);  // not one number skipped or said twice
  EXPECT_EQ(lab_->check("west", engine() + " exec box cat /proc/sys/kernel/hostname"), "box");

  lab_->check("east", "rm -f /var/log/box.log");
  ASSERT_FALSE(move("west", "east").is_null());
  EXPECT_TRUE(goes_on("east")) << log("east");
  EXPECT_EQ(state("box", "west"), "");
}

void RuncTest::goes_on_in_another_state_directory() const {
  const auto box = engine() + ":box", usual = "/run/" + engine();
  const Argv option{"--engine-root", kOtherRoot};
  const auto known = [this](const std::string& host) {
    return lab_->check(host, fmt::format("{} --root {} list -q", engine(), kOtherRoot));
  };
  run_looper();
  lab_->check("east", fmt::format("{0} delete --force box; rm /var/log/box.log; "
                                  "({0} --root {1} run -d --bundle {2} box </dev/null 2>&1 | "
                                  "cat >/var/log/box.log) >/dev/null 2>&1 &",
                                  engine(), kOtherRoot, bundle()));
  ASSERT_TRUE(comes_true([&] { return lines("east") >= 3; })) << log("east");
  expect_refused(box, "west", fmt::format("known in {}: say --engine-root", kOtherRoot));
  ASSERT_FALSE(move("east", "west", option).is_null());
  EXPECT_EQ(known("west"), "box");
  EXPECT_EQ(state("box", "west"), "");
  EXPECT_EQ(known("east"), "");
  EXPECT_TRUE(goes_on("west")) << log("west");

  lab_->check("east", "rm -f /var/log/box.log");
  Argv back{"move", box, "root@east", option[0], option[1]};
  EXPECT_NE(ferry("west", back, "target.restored=kill").status, 0);
  EXPECT_TRUE(comes_true([&] { return known("east").empty(); }, 30'000));
  EXPECT_EQ(known("west"), "box");
  EXPECT_TRUE(goes_on("west")) << log("west");
  back.insert(back.end(), {"--target-engine-root", usual});
  EXPECT_NE(ferry("west", back, "source.granted=kill").status, 0);
  EXPECT_TRUE(comes_true([&] { return known("west").empty(); }, 30'000));
  EXPECT_EQ(state("box", "east"), "running");
  EXPECT_TRUE(goes_on("east")) << log("east");
}

void RuncTest::memory_is_as_it_was() const {
  run({"python3", "-c", kBusyMemory});
  ASSERT_TRUE(comes_true([&] { return lines("east") >= 100; })) << log("east");
  std::string from = "east", to = "west";
  for (const char* mode : {"pre", "hybrid", "stop"}) {
    const auto report = move(from, to, {"--mode", mode});
    ASSERT_FALSE(report.is_null()) << mode;
    EXPECT_EQ(report["mode"], mode);
    lab_->check(from, "rm -rf /var/log/box.log /var/lib/ferry/containers");
    EXPECT_TRUE(goes_on(to)) << mode << log(to).substr(0, 2000);
    std::swap(from, to);
  }
}

void RuncTest::one_that_may_write_nowhere_goes_on() const {
  lab_->check("east", fmt::format("rmdir {}/rootfs/tmp", bundle()));
  run_looper(Root::kReadOnly);
  const auto top = [this](const std::string& host) {
    return lab_->check(host, fmt::format("ls -A {0}/rootfs; {1} exec box ls -A /; {1} exec box "
                                         "touch /x 2>&1 | grep -o Read-only",
                                         bundle(), engine()));
  };
  const auto before = top("east");
  ASSERT_FALSE(move("east", "west").is_null());
  ASSERT_TRUE(goes_on("west")) << log("west");
  EXPECT_EQ(top("west"), before);
  lab_->check("east", "rm -f /var/log/box.log");
  ASSERT_FALSE(move("west", "east").is_null());
  EXPECT_TRUE(goes_on("east")) << log("east");
}

void RuncTest::its_loopback_goes_along() const {
  run({"python3", "-c", kTalksToItself});
  ASSERT_TRUE(comes_true([&] { return lines("east") >= 3; })) << log("east");
  ASSERT_FALSE(move("east", "west").is_null());
  EXPECT_TRUE(goes_on("west")) << log("west");
}

void RuncTest::connections_go_along() const {
  run_web_counter();
  const auto before = network_of("east");
  auto open = connect();
  Background load = start_counter_load();
  for (const auto& [from, to] : {std::pair("east", "west"), std::pair("west", "east")}) {
    const auto report = move(from, to);
    ASSERT_FALSE(report.is_null());
    EXPECT_EQ(report["parking"]["on"], true) << report["parking"];
    EXPECT_EQ(report["tcp"]["policy"], "keep");
    EXPECT_EQ(network_of(to), before) << to;
    EXPECT_TRUE(network_has_left(from)) << from;
    EXPECT_GT(std::stoi(open.get("/value")), 0) << to;
  }
  const Json result = end_load(load);
  EXPECT_EQ(result.at("failed"), 0) << result.at("examples");
  EXPECT_EQ(result.at("counter").at("holds"), true) << result.at("counter");
  EXPECT_EQ(result.at("connects"), 10);
  EXPECT_TRUE(open.is_established());
}

void RuncTest::a_service_address_goes_along() const {
  ContainerTest::a_service_address_goes_along(engine() + ":box", [this] {
    run({"python3", "/programs/web_counter.py", std::to_string(kPort), "::"}, "box", kHostNetwork);
    EXPECT_TRUE(comes_true([&] { return log("east").starts_with("READY"); })) << log("east");
  });
}

void RuncTest::a_nameless_network_goes_along() const {
  run_web_counter(Name::kNone);
  auto open = connect();
  EXPECT_EQ(open.next(), 1);
  ASSERT_FALSE(move("east", "west").is_null());
  EXPECT_EQ(open.next(), 2);
  EXPECT_TRUE(network_has_left("east"));
  ASSERT_FALSE(move("west", "east").is_null());
  EXPECT_EQ(open.next(), 3);
  EXPECT_TRUE(network_has_left("west"));
}

void RuncTest::what_it_has_written_goes_along() const {
  run_looper();
  lab_->check("east", engine() + " exec box sh -c 'echo kept >/etc/kept'");
  const auto report = move("east", "west", {"--keep-source"});
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(lab_->check("west", engine() + " exec box cat /etc/kept"), "kept");
  EXPECT_EQ(state("box", "east"), "stopped");
  EXPECT_TRUE(goes_on("west"));
}

void RuncTest::limits_go_along() const {
  ASSERT_EQ(lab_->exec("east", {"python3", "-c", kLimit, bundle() + "/config.json"}).status, 0);
  ASSERT_NO_FATAL_FAILURE(run_looper());
  const auto limits = [this](const std::string& host) {
    return lab_->check(host, fmt::format("cd {} && cat memory.max cpu.max pids.max", kCgroup));
  };
  const auto memory = [this](const std::string& host) {
    return std::atoi(
        lab_->check(host, fmt::format("awk '/^anon / {{print $2}}' {}/memory.stat", kCgroup)).c_str());
  };
  EXPECT_EQ(limits("east"), "104857600\n60000 100000\n9");
  const int before = memory("east");
  ASSERT_FALSE(move("east", "west").is_null());
  EXPECT_EQ(limits("west"), "104857600\n60000 100000\n9");
  EXPECT_GE(memory("west"), before / 4 * 3) << "what was put in place for it counts as its own";
  EXPECT_EQ(lab_->exec("west", {"python3", "-c", kForkInto, kCgroup}).out, "7");
  EXPECT_EQ(lab_->exec("west", {"python3", "-c", kFill, kCgroup}).status, 128 + SIGKILL);
  EXPECT_TRUE(goes_on("west")) << log("west");

  // By its engine, and past it.
  lab_->check("west", fmt::format("{} update --pids-limit 15 box && echo 80000 100000 >{}/cpu.max && "
                                  "echo 209715200 >{}/memory.max",
                                  engine(), kCgroup, kCgroup));
  lab_->check("east", "rm -f /var/log/box.log");
  ASSERT_FALSE(move("west", "east").is_null());
  EXPECT_EQ(limits("east"), "209715200\n80000 100000\n15");
  EXPECT_TRUE(goes_on("east")) << log("east");
}

void RuncTest::what_is_bound_goes_along() const {
  const auto what = engine() + ":box";
  lab_->check("east",
              "mkdir -p /srv/test-data/sub && echo one >/srv/test-data/sub/file && echo words "
              ">/srv/test-words");
  ASSERT_EQ(lab_->exec("east", {"python3", "-c", kBind, bundle() + "/config.json"}).status, 0);
  run_looper();
  expect_refused(what, "west", "add --with-bind /srv/test-data,");
  const auto checked = [&](const Argv& options) {
    Argv words{"check", what, "root@west"};
    words.insert(words.end(), options.begin(), options.end());
    const auto said = ferry("east", words);
    return fmt::format("{}: {}{}", said.status, said.out, said.err);
  };
  const Argv both{"--with-bind", "/srv/test-data", "--with-bind", "/srv/test-words"};
  const auto can = checked(both);
  EXPECT_TRUE(can.starts_with("0: ")) << can;
  for (const char* words :
       {"/srv/test-data (4 B) would be sent", "/srv/test-words (6 B) would be sent"})
    EXPECT_NE(can.find(words), std::string::npos) << can;
  EXPECT_NE(checked({"--with-bind", "/srv"})
                .find("/srv is no bind mount of it: it has: /srv/test-data (at /data), "),
            std::string::npos);
  lab_->check(
      "west",
      "mkdir -p /srv/test-data && echo theirs >/srv/test-data/file; echo words >/srv/test-words");
  EXPECT_NE(checked(both).find("/srv/test-data is there already, and differs"), std::string::npos)
      << checked(both);
  EXPECT_EQ(checked(both).find("/srv/test-words is there"), std::string::npos);  // that is the same
  EXPECT_EQ(lab_->check("west", "cat /srv/test-data/file; rm -r /srv/test-data"), "theirs");
  const auto failed = ferry("east", {"move", what, "root@west", both[0], both[1], both[2], both[3]},
                            "source.sent=fail");
  EXPECT_EQ(failed.status, 1) << failed.err;
  EXPECT_TRUE(
      comes_true([&] { return lab_->check("west", "echo /srv/test-*") == "/srv/test-words"; }));
  ASSERT_FALSE(move("east", "west", both).is_null());
  EXPECT_EQ(lab_->check("west", engine() + " exec box sh -c 'cat /data/sub/file /etc/words; echo "
                                           "more >>/data/sub/file'; cat /srv/test-data/sub/file"),
            "one\nwords\none\nmore");
  EXPECT_EQ(lab_->check("east", "cat /srv/test-data/sub/file"), "one");
}

void RuncTest::a_failed_move_leads_back() const {
  run_looper();
  for (const char* fault :
       {"source.before_freeze=fail", "source.frozen=fail", "source.dumped=fail", "source.sent=fail",
        "target.restoring=fail", "target.restored=fail", "source.restored=fail",
        "target.opening=fail"}) {
    const auto result = ferry("east", {"move", engine() + ":box", "root@west"}, fault);
    EXPECT_EQ(result.status, 1) << fault << result.out << result.err;
    EXPECT_TRUE(goes_on("east")) << fault << log("east");
    EXPECT_EQ(state("box", "east"), "running") << fault;
    EXPECT_EQ(state("box", "west"), "") << fault;
    EXPECT_TRUE(comes_true([&] { return remains("west").empty(); })) << fault << remains("west");
  }
}

void RuncTest::a_killed_ferry_is_finished() const {
  run_looper();
  const auto what = engine() + ":box";
  for (const char* fault : {"source.frozen=kill", "source.dumped=kill", "source.restored=kill",
                            "target.restored=kill"}) {
    EXPECT_NE(ferry("east", {"move", what, "root@west"}, fault).status, 0) << fault;
    EXPECT_TRUE(comes_true([&] { return goes_on("east"); }, 30'000)) << fault << log("east");
    EXPECT_TRUE(comes_true([&] { return remains("west").empty(); }, 30'000))
        << fault << remains("west");
  }
  ASSERT_NE(ferry("east", {"move", what, "root@west"}, "source.granted=kill").status, 0);
  EXPECT_TRUE(comes_true(
      [&] { return state("box", "west") == "running" && state("box", "east").empty(); }, 60'000))
      << ferry("east", {"resolve", what}).out;
  EXPECT_TRUE(comes_true([&] { return goes_on("west"); }, 30'000)) << log("west");
}

}  // namespace ferry::testing

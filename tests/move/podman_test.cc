// SPDX-License-Identifier: Apache-2.0
//
// Containers of podman from one virtual host to another: podman makes and restores them there, and
// its runtime's CRIU is in ferry's hands, so that they move as processes do. Wherever a move fails,
// they go on where they were.
#include "support/podman_test.h"

#include <fmt/format.h>

#include <algorithm>

namespace ferry::testing {
namespace {

// Each number into files of its own filesystem and of a volume, and into databases there, of either
// kind of journal. What it has been told is on the disk must be there, once, wherever it is by
// then. With a rollback journal SQLite refuses to write when the file has another inode number than
// when it was opened, and says so before anything is written: then it is opened anew.
constexpr const char* kBusyFiles = R"py(
import os, sqlite3, time
kept, synced = open("/etc/kept", "a"), open("/data/synced", "a")
def connect(mode): return sqlite3.connect("/data/" + mode, isolation_level=None)
bases = {mode: connect(mode) for mode in ("delete", "wal")}
for mode, base in bases.items():
    base.execute("pragma journal_mode=" + mode)
    base.execute("create table numbers (number integer)")
def insert(mode, number): bases[mode].execute("insert into numbers values (?)", (number,))
for number in range(1, 1000000):
    print(number, file=kept, flush=True)
    print(number, file=synced, flush=True)
    os.fsync(synced.fileno())
    with open("/etc/opened", "a") as opened: print(number, file=opened)
    insert("wal", number)
    try: insert("delete", number)
    except sqlite3.OperationalError as moved:
        if "readonly" not in str(moved): raise
        bases["delete"] = connect("delete")
        insert("delete", number)
    if number % 200 == 0:
        found = {}
        for name in ("/etc/kept", "/etc/opened", "/data/synced"):
            with open(name) as file: found[name] = [int(line) for line in file]
        for mode, base in bases.items():
            found[mode] = [row[0] for row in base.execute("select number from numbers order by rowid")]
            if base.execute("pragma integrity_check").fetchall() != [("ok",)]: print("wrong: not intact", mode, flush=True)
        for name, numbers in found.items():
            if numbers != list(range(1, number + 1)): print("wrong:", name, flush=True)
        print("looked", flush=True)
    time.sleep(0.005)
)py";

// Its first move brings the image along. podman's restart policy starts no second one.
TEST_F(PodmanTest, GoesOnWithTheNextNumberThereAndBack) {
  run_looper("--network none --restart always --hostname box");
  const auto id = lab_->check("east", "podman inspect -f '{{.Id}} {{.Image}}' box");
  std::string from = "east", to = "west";
  for (int times = 0; times < 2; ++times) {
    const auto report = move(from, to);
    ASSERT_FALSE(report.is_null());
    EXPECT_EQ(report["engine"], "podman");
    EXPECT_EQ(report["mode"], "pre") << report.dump(1);
    EXPECT_EQ(state(to), "running");
    EXPECT_TRUE(comes_true([&] { return traces(from).empty(); })) << traces(from);
    EXPECT_TRUE(goes_on(to)) << log(to);  // of one log, from its first line on
    EXPECT_EQ(lab_->check(to, "podman inspect -f '{{.Id}} {{.Image}}' box"), id);
    EXPECT_EQ(lab_->check(to, "podman exec box cat /proc/sys/kernel/hostname"), "box");
    std::swap(from, to);
  }
  lab_->check("east", "podman stop -t 1 box");
  EXPECT_EQ(state("east"), "exited");
  EXPECT_EQ(lab_->check("east", "podman start box"), "box");  // a container like any other
  EXPECT_EQ(state("east"), "running");
}

TEST_F(PodmanTest, ItsConnectionsAndFilesGoAlong) {
  lab_->check("east", "mkdir /srv/box && echo bound >/srv/box/file");
  run_web_counter("-e COLOUR=blue --label tier=front -v /srv/box:/bound");
  auto open = connect();
  EXPECT_EQ(open.next(), 1);
  lab_->check("east",
              "podman exec box sh -c 'echo kept >/etc/kept; rm -r /usr/src; echo x >/dev/shm/x'");
  ASSERT_FALSE(move("east", "west", {"--with-bind", "/srv/box"}).is_null());
  EXPECT_EQ(open.next(), 2);
  EXPECT_TRUE(open.is_established());
  EXPECT_EQ(lab_->check("west",
                        "podman exec box sh -c 'cat /etc/kept /dev/shm/x /bound/file; "
                        "echo $COLOUR; ls -d "
                        "/usr/src'; podman inspect -f '{{.Config.Labels.tier}}' box"),
            "kept\nx\nbound\nblue\nfront");
  ASSERT_FALSE(move("west", "east").is_null());
  EXPECT_EQ(open.next(), 3);
  EXPECT_EQ(traces("west"), "");
}

TEST_F(PodmanTest, AMacvlanAndItsConnectionsGoAlong) {
  run_web_counter("", kMacvlan);
  auto open = connect();
  EXPECT_EQ(open.next(), 1);
  for (const auto& [from, to] : {std::pair("east", "west"), std::pair("west", "east")}) {
    const auto report = move(from, to);
    ASSERT_FALSE(report.is_null());
    EXPECT_EQ(report["parking"]["on"], true) << report["parking"];
    EXPECT_GT(open.next(), 1) << to;
    EXPECT_TRUE(comes_true([&] { return traces(from).empty(); })) << traces(from);
  }
  EXPECT_EQ(open.next(), 4);
  EXPECT_TRUE(open.is_established());
}

// Those that it opens for each line, those that it keeps open, and databases; nothing of its
// volumes stays where it came from.
TEST_F(PodmanTest, FilesAndVolumesThatItWritesAreAsOfTheFreeze) {
  lab_->check("east", "podman volume create --label team=x data");
  run("--network none -v data:/data -v /scratch", fmt::format("python3 -c '{}'", kBusyFiles));
  lab_->check("east",
              "podman exec box sh -c 'echo kept >/scratch/kept; rm /data/of-the-image'; "
              "chown 7:8 $(podman volume inspect -f '{{.Mountpoint}}' data)");
  std::string from = "east", to = "west";
  for (int times = 0; times < 2; ++times) {
    const auto checks = [&](const std::string& host) {
      const auto text = log(host);
      EXPECT_EQ(text.find_first_not_of("looked\n"), std::string::npos) << text;
      return std::ranges::count(text, '\n');
    };
    ASSERT_TRUE(comes_true([&] { return checks(from) > 0; })) << log(from);
    const auto before = checks(from);
    ASSERT_FALSE(move(from, to).is_null());
    EXPECT_TRUE(comes_true([&] { return checks(to) > before + 1; })) << log(to);
    EXPECT_TRUE(comes_true([&] { return traces(from).empty(); })) << traces(from);
    EXPECT_EQ(
        lab_->check(
            to,
            "podman volume inspect -f '{{.Labels.team}} {{.NeedsCopyUp}} {{.NeedsChown}}' data; "
            "stat -c %u:%g $(podman volume inspect -f '{{.Mountpoint}}' data); "
            "podman exec box sh -c 'cat /scratch/kept; ls /data/of-the-image 2>/dev/null || echo "
            "gone'"),
        "x false false\n7:8\nkept\ngone");
    std::swap(from, to);
  }
}

// Its memory goes ahead of it, and what is written meanwhile is not lost, in every mode.
TEST_F(PodmanTest, MemoryIsAsItWas) {
  run("--network none", fmt::format("python3 -c '{}'", kBusyMemory));
  ASSERT_TRUE(comes_true([&] { return lines("east") >= 100; })) << log("east");
  std::string from = "east", to = "west";
  for (const char* mode : {"pre", "hybrid", "stop"}) {
    const auto report = move(from, to, {"--mode", mode});
    ASSERT_FALSE(report.is_null()) << mode;
    EXPECT_EQ(report["mode"], mode);
    EXPECT_TRUE(goes_on(to)) << mode << log(to).substr(0, 2000);
    std::swap(from, to);
  }
}

TEST_F(PodmanTest, ItIsKeptAtTheSourceWhenAsked) {
  run_looper();
  ASSERT_FALSE(move("east", "west", {"--keep-source"}).is_null());
  EXPECT_TRUE(goes_on("west")) << log("west");
  EXPECT_EQ(state("east"), "exited");
  expect_refused("podman:box", "west", "it is exited");
  lab_->check("east", "podman rm box");
  EXPECT_EQ(traces("east"), "");
}

// Its other end is conmon's, which podman starts anew there.
TEST_F(PodmanTest, ItsTerminalGoesAlong) {
  run_looper("--network none -it");
  ASSERT_FALSE(move("east", "west").is_null());
  EXPECT_TRUE(goes_on("west")) << log("west");
  EXPECT_EQ(lab_->check("west", "podman exec box ls -l /proc/1/fd/1 | grep -c /dev/pts/0"), "1");
}

TEST_F(PodmanTest, WhatCannotGoIsRefusedBeforehand) {
  run_looper();
  const auto also = [&](const std::string& options, const std::string& words) {
    lab_->check(
        "east",
        fmt::format("podman run -d --name other --runtime runc {} localhost/box:1 sleep 1000",
                    options));
    expect_refused("podman:other", "west", words);
    lab_->check("east", "podman rm -f -t 0 other");
  };
  expect_refused("podman:nobody", "west", "no container of that name");
  expect_refused("podman:box", "north", "podman is not installed here");
  expect_refused("podman:" + lab_->check("east", "podman inspect -f '{{.Id}}' box"), "west",
                 "call it podman:box");
  lab_->check("east",
              "podman volume create --opt type=tmpfs --opt device=tmpfs odd; podman create --name "
              "user -v used:/data localhost/box:1 true");
  also("--network none -v odd:/data", "its volume odd is not a plain one");
  also("--network none -v used:/data", "its volume used is also that of user");
  lab_->check("west", "podman volume create taken");
  also("--network none -v taken:/data", "podman has a volume taken here already");
  also("--network none --rm", "it is removed when it ends");
  also("--network container:box", "shares namespaces with another container");
  lab_->check("east", "mkdir -p /srv/box");
  also("--network none -v /srv/box:/data", "add --with-bind /srv/box,");
  lab_->check("east", "podman exec -d box sleep 1000");
  expect_refused("podman:box", "west", "was started from outside, by `podman exec`");
  lab_->check("east", "pkill -x sleep");
  EXPECT_TRUE(comes_true([&] { return lab_->check("east", "podman top box pid | wc -l") == "2"; }));
  lab_->check("east", "podman pause box");
  expect_refused("podman:box", "west", "it is paused");
  lab_->check("east", "podman unpause box");
  EXPECT_TRUE(goes_on("east"));
}

TEST_F(PodmanTest, ANameThatIsTakenThereIsRefused) {
  run_looper();
  ASSERT_FALSE(move("east", "west", {"--keep-source"}).is_null());
  const auto refused = ferry("west", {"move", "podman:box", "root@east"});
  EXPECT_EQ(refused.status, 3) << refused.out << refused.err;
  EXPECT_NE(refused.err.find("has a container called box here already"), std::string::npos)
      << refused.err;
  EXPECT_TRUE(goes_on("west"));
}

// A kept copy would be started with its host.
TEST_F(PodmanTest, ACopyThatWouldBeStartedAgainIsNotKept) {
  run_looper("--network none --restart always");
  const auto refused = ferry("east", {"move", "podman:box", "root@west", "--keep-source"});
  EXPECT_EQ(refused.status, 3) << refused.out << refused.err;
  EXPECT_NE(refused.err.find("its restart policy"), std::string::npos) << refused.err;
  EXPECT_TRUE(goes_on("east"));
}

// Wherever it fails before it runs there, it goes on here, and nothing of it stays there.
TEST_F(PodmanTest, AFailedMoveLeadsBack) {
  run_looper("--network none -v data:/data");
  for (const char* fault :
       {"target.defined=fail", "source.before_freeze=fail", "source.frozen=fail",
        "source.dumped=fail", "source.sent=fail", "target.restoring=fail", "target.restored=fail",
        "source.restored=fail"}) {
    const auto result = ferry("east", {"move", "podman:box", "root@west"}, fault);
    EXPECT_EQ(result.status, 1) << fault << result.out << result.err;
    EXPECT_TRUE(goes_on("east")) << fault << log("east");
    EXPECT_EQ(state("east"), "running") << fault;
    EXPECT_TRUE(comes_true([&] { return traces("west").empty(); })) << fault << traces("west");
  }
  ASSERT_FALSE(move("east", "west").is_null());
  EXPECT_TRUE(goes_on("west"));
}

// Its guard, or `ferry resolve`, does what the killed one cannot do any more.
TEST_F(PodmanTest, AKilledFerryIsFinishedByItsGuard) {
  run_looper("--network none -v data:/data");
  for (const char* fault : {"target.defined=kill", "source.frozen=kill", "source.dumped=kill",
                            "source.restored=kill", "target.restored=kill"}) {
    EXPECT_NE(ferry("east", {"move", "podman:box", "root@west"}, fault).status, 0) << fault;
    EXPECT_TRUE(comes_true([&] { return goes_on("east"); }, 30'000)) << fault << log("east");
    EXPECT_TRUE(comes_true([&] { return traces("west").empty(); }, 30'000))
        << fault << traces("west");
  }
  ASSERT_NE(ferry("east", {"move", "podman:box", "root@west"}, "source.granted=kill").status, 0);
  EXPECT_TRUE(
      comes_true([&] { return state("west") == "running" && traces("east").empty(); }, 60'000))
      << ferry("east", {"resolve", "podman:box"}).out << traces("east");
  EXPECT_TRUE(comes_true([&] { return goes_on("west"); }, 30'000)) << log("west");
}

// runc, which podman has called, knows them as well: they are not listed twice.
TEST_F(PodmanTest, AllThatRunAreListedOnceAndMove) {
  run_looper();
  lab_->check("east", "podman create --name never localhost/box:1 true");
  const auto all = ferry("east", {"move", "--all", "root@west"});
  EXPECT_EQ(all.status, 0) << all.err;
  EXPECT_NE(all.out.find("\npodman:box  localhost/box:1 "), std::string::npos) << all.out;
  EXPECT_TRUE(all.out.ends_with("\n1 of 1 moved; 0 stay\n")) << all.out;
  EXPECT_TRUE(goes_on("west")) << log("west");
  const auto none = ferry("east", {"move", "--all", "podman:", "root@west"});
  EXPECT_EQ(none.status, 0) << none.err;
  EXPECT_EQ(none.out, "no container of podman runs on east: nothing to move\n");
}

}  // namespace
}  // namespace ferry::testing

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

TEST_F(PodmanTest, GoesOnWithTheNextNumberThereAndBack) { goes_on_there_and_back(); }

TEST_F(PodmanTest, ItsConnectionsAndFilesGoAlong) { connections_and_files_go_along(); }

TEST_F(PodmanTest, ItsLoopbackGoesAlong) { its_loopback_goes_along(); }

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

TEST_F(PodmanTest, OneThatIsRemovedAtItsEndGoesOnUntilThen) { one_removed_at_its_end_goes_on(); }

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

TEST_F(PodmanTest, AFailedMoveLeadsBack) { a_failed_move_leads_back(); }

TEST_F(PodmanTest, AKilledFerryIsFinishedByItsGuard) { a_killed_ferry_is_finished(); }

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

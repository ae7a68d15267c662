// SPDX-License-Identifier: Apache-2.0
//
// Processes that ferry did not start: a tree by the pid of its root. It arrives in a capsule, with the pids it had.
#include <fmt/format.h>
#include <signal.h>

#include <map>
#include <sstream>
#include <vector>

#include "base/error.h"

#include "support/move_test.h"

namespace ferry::testing {
namespace {

struct Member {
  std::vector<long> ticks;  // of its threads
  std::string started;
};
using Family = std::map<int, Member>;  // by pid as itself sees it

class BareTreeTest : public MoveTest {
 protected:
  static constexpr const char* kDirectory = "/tmp/family";

  // The pid of `command`, started as a daemon would: own session, nothing open but /dev/null.
  static std::string in_background(const std::string& command) {
    return fmt::format("setsid {} </dev/null >/dev/null 2>&1 & echo $!", command);
  }
  std::string start_bare(const std::string& command) const { return lab().check("east", in_background(command)); }
  std::string start_family(int children, int threads) const {
    lab().check("west", fmt::format("mkdir -p {}", kDirectory));
    const auto pid = start_bare(fmt::format("/usr/bin/python3 {} {} {} {}", program("family.py"), kDirectory, children, threads));
    const size_t members = static_cast<size_t>(children) + 1;
    EXPECT_TRUE(comes_true([&] { return family("east").size() == members; }));
    return pid;
  }
  Family family(const std::string& host) const {
    std::istringstream lines(lab().shell(host, fmt::format("cat {}/*[0-9]", kDirectory)).out);
    Family found;
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      int pid = 0;
      words >> pid;
      Member& member = found[pid];
      for (std::string word; words >> word; member.started = word) {
        if (!member.started.empty()) member.ticks.push_back(std::stol(member.started));
      }
    }
    return found;
  }
  // The same processes as before, and each of their threads goes on.
  void expect_goes_on(const Family& before, const std::string& host) const {
    const auto all_go_on = [&] {
      const Family now = family(host);
      if (now.size() != before.size()) return false;
      for (const auto& [pid, member] : before) {
        if (!now.contains(pid) || now.at(pid).started != member.started) return false;
        for (size_t i = 0; i < member.ticks.size(); ++i) {
          if (now.at(pid).ticks.at(i) <= member.ticks[i]) return false;
        }
      }
      return true;
    };
    EXPECT_TRUE(comes_true(all_go_on)) << lab().shell(host, fmt::format("grep . {}/*", kDirectory)).out;
  }
  // How the processes of the tree see themselves there, from inside their capsule.
  std::string pids_in_capsule(const std::string& pattern) const {
    return lab().check("west", fmt::format("for p in $(pgrep -f '{}'); do awk '/^NSpid/ {{print $NF}}' /proc/$p/status; done | sort -n",
                                           pattern));
  }
};

TEST_F(BareTreeTest, ArrivesWithItsPids) {
  const std::string pid = start_family(3, 1);
  const Family before = family("east");
  std::string pids;
  for (const auto& [member, unused] : before) pids += fmt::format("{}{}", pids.empty() ? "" : "\n", member);
  const Json report = move("pid:" + pid, "east", "west");
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("name"), "python3-" + pid);
  expect_goes_on(before, "west");
  EXPECT_EQ(pids_in_capsule("family[.]py"), pids);
  EXPECT_EQ(lab().shell("east", "pgrep -f 'family[.]py'").out, "");
  EXPECT_EQ(state_of("west", "python3-" + pid), "running");
  EXPECT_EQ(state_of("east", "python3-" + pid), "moved");
  // From there on it is a workload like any other.
  lab().check("east", fmt::format("rm -rf {0} && mkdir {0}", kDirectory));
  ASSERT_FALSE(move("python3-" + pid, "west", "east").is_null());
  expect_goes_on(before, "east");
}

TEST_F(BareTreeTest, APlainPidAndANameOfOnesChoice) {
  const std::string pid = start_family(0, 1);
  const Family before = family("east");
  const Json report = move(pid, "east", "west", {"--name", "chosen"});
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("name"), "chosen");
  expect_goes_on(before, "west");
  EXPECT_EQ(state_of("west", "chosen"), "running");
}

// Two is the kernel's own threads' parent on a machine, and anybody in a container.
TEST_F(BareTreeTest, AProcessMayHavePidTwo) {
  lab().check("west", fmt::format("mkdir -p {}", kDirectory));
  lab().check("east", "echo 1 >/proc/sys/kernel/ns_last_pid; " + in_background(fmt::format("/usr/bin/python3 {} {} 1 1",
                                                                                         program("family.py"), kDirectory)));
  ASSERT_TRUE(comes_true([&] { return family("east").size() == 2; }));
  const Family before = family("east");
  ASSERT_EQ(before.begin()->first, 2);
  ASSERT_FALSE(move("2", "east", "west").is_null());
  expect_goes_on(before, "west");
}

TEST_F(BareTreeTest, EveryThreadGoesOn) {
  const std::string pid = start_family(1, 8);
  const Family before = family("east");
  ASSERT_EQ(before.begin()->second.ticks.size(), 8U);
  ASSERT_FALSE(move(pid, "east", "west").is_null());
  expect_goes_on(before, "west");
}

TEST_F(BareTreeTest, AFailedMoveLeavesItWhereItWas) {
  const std::string pid = start_family(2, 2);
  const Family before = family("east");
  const std::string east = traces("east"), west = traces("west");
  const std::string cgroup = lab().check("east", fmt::format("cat /proc/{}/cgroup", pid));
  for (const char* point : {"source.dumped", "target.restored"}) {
    EXPECT_EQ(ferry("east", {"move", pid, "root@west"}, fmt::format("{}=fail", point)).status, 1) << point;
    expect_goes_on(family("east"), "east");
    EXPECT_EQ(lab().check("east", fmt::format("cat /proc/{}/cgroup", pid)), cgroup);
    expect_traces("east", east);
    expect_traces("west", west);
  }
  ASSERT_FALSE(move(pid, "east", "west").is_null());
  expect_goes_on(before, "west");
}

// To be slowed (--throttle) it is brought into a cgroup of ferry's while it runs. However the move ends, it goes back, and runs.
TEST_F(BareTreeTest, OneThatWasSlowedGoesBackToItsCgroup) {
  const std::string pid = start_bare(fmt::format("{}/memory_writer --size 24MiB --hot 24MiB --rate 60MB/s --port {}", FERRY_BINARY_DIR, kPort));
  ASSERT_TRUE(comes_true([&] { return lab().shell("east", fmt::format("ss -Hltn sport = {}", kPort)).out != ""; }));
  const std::string east = traces("east"), west = traces("west");
  const auto cgroup = [&] { return lab().check("east", fmt::format("cat /proc/{}/cgroup", pid)); };
  const std::string home = cgroup();
  const auto start_move = [&] {
    Background moving = start_ferry("east", {"move", pid, "root@west", "-q", "--bandwidth", "10MB/s", "--throttle", "95%"});
    EXPECT_TRUE(comes_true([&] { return cgroup() != home; }, 60'000)) << "it was never slowed";
    return moving;
  };
  const auto expect_back = [&] {
    EXPECT_TRUE(comes_true([&] { return cgroup() == home; })) << cgroup();
    expect_traces("east", east);
    expect_traces("west", west);
    Connection open(lab(), "client", "10.77.0.1", kPort);
    const int before = std::stoi(open.get("/writes"));
    EXPECT_TRUE(comes_true([&] { return std::stoi(open.get("/writes")) > before; }));
    EXPECT_TRUE(open.get("/verify").starts_with("0 ")) << open.get("/verify");
  };
  Background cancelled = start_move();
  cancelled.signal(SIGINT);
  EXPECT_EQ(cancelled.wait(), static_cast<int>(base::Exit::kCancelled));
  expect_back();
  Background killed = start_move();
  killed.signal(SIGKILL);
  EXPECT_NE(killed.wait(), 0);
  expect_back();
}

// Listening moves without an address; open connections would break, and are not broken unasked.
TEST_F(BareTreeTest, ConnectionsOnTheHostsOwnAddressAreNotBrokenUnasked) {
  const std::string service = fmt::format("/usr/bin/python3 {} {}", program("web_counter.py"), kPort);
  const std::string pid = start_bare(service);
  ASSERT_TRUE(comes_true([&] { return lab().shell("east", fmt::format("ss -Hltn sport = {}", kPort)).out != ""; }));
  Connection open(lab(), "client", "10.77.0.1", kPort);
  EXPECT_EQ(open.next(), 1);
  const Result refused = ferry("east", {"move", pid, "root@west"});
  EXPECT_EQ(refused.status, 3);
  EXPECT_NE(refused.err.find("open TCP connections"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("--tcp close"), std::string::npos) << refused.err;
  EXPECT_EQ(open.next(), 2);
  ASSERT_FALSE(move(pid, "east", "west", {"--tcp", "close", "--name", "web"}).is_null());
  Connection there(lab(), "client", "10.77.0.2", kPort);
  EXPECT_EQ(there.next(), 3);
}

TEST_F(BareTreeTest, AListeningSocketMoves) {
  run("east", "web", {}, {"/usr/bin/python3", program("web_counter.py"), std::to_string(kPort)});
  ASSERT_TRUE(comes_true([&] { return ferry("east", {"logs", "web"}).out.starts_with("READY"); }));
  {
    Connection gone(lab(), "client", "10.77.0.1", kPort);
    EXPECT_EQ(gone.next(), 1);
  }
  ASSERT_TRUE(comes_true([&] { return ferry("east", {"move", "web", "root@west"}).status == 0; }));
  EXPECT_EQ(Connection(lab(), "client", "10.77.0.2", kPort).next(), 2);
  EXPECT_THROW(Connection(lab(), "client", "10.77.0.1", kPort), base::SysError);
}

}  // namespace
}  // namespace ferry::testing

// SPDX-License-Identifier: Apache-2.0
//
// What CRIU cannot do, each thing provoked in a real move: after the check has found nothing, the workload or a host does what no
// check can foresee. ferry says why and what to do, and names the log, which is there; the workload goes on as if nobody had tried.
#include <fmt/format.h>

#include <regex>

#include "support/move_test.h"

namespace ferry::testing {
namespace {

constexpr const char* kAtTheSource = "source.before_freeze";  // all checked, and it still runs
constexpr const char* kAtTheTarget = "target.restoring";      // all has come; CRIU builds it next

struct Case {
  const char* name;
  const char* before;     // asked of the workload before the move: the check has nothing against it
  const char* point;      // where the move waits meanwhile
  const char* meanwhile;  // asked of the workload there
  std::string strike;     // a script on the host that the point is on
  std::string put_back;   // another
  const char* why;
  const char* remedy;
  int status = 1;         // 3: ferry itself sees it in time, and no log of CRIU's is needed
};

std::string odd(const std::string& words) { return fmt::format("/usr/bin/python3 {} {}", program("odd_one.py"), words); }

// Beside the workload, until put_back.
std::string start(const std::string& words) {
  return fmt::format("{} </dev/null >/tmp/beside 2>&1 & echo $! >/tmp/beside.pid\n"
                     "for i in $(seq 500); do grep -q READY /tmp/beside && exit 0; sleep 0.01; done; cat /tmp/beside; exit 1", odd(words));
}
constexpr const char* kEnd = "kill $(cat /tmp/beside.pid)";
constexpr const char* kKillCriu = "pkill -KILL -f '[c]riu.* swrk|[d]ump --rpc'";  // as it is called before and after its orders

Case asked(const char* meanwhile, const char* why, const char* remedy) {
  return {meanwhile, nullptr, kAtTheSource, meanwhile, "", "", why, remedy};
}
Case there(const char* name, const char* before, std::string strike, std::string put_back, const char* why, const char* remedy) {
  return {name, before, kAtTheTarget, nullptr, std::move(strike), std::move(put_back), why, remedy};
}
Case here(const char* name, std::string strike, std::string put_back, const char* why, const char* remedy, const char* meanwhile = nullptr) {
  return {name, nullptr, kAtTheSource, meanwhile, std::move(strike), std::move(put_back), why, remedy};
}

Case refused(Case one) {
  one.status = 3;
  return one;
}

// A process that another test's ferry cannot be: each lab has its own.
constexpr const char* kPausedFerry = R"(
for i in $(seq 1000); do
  for pid in $(pgrep -x ferry); do
    if grep -qs '^State:.T' /proc/$pid/status; then echo $pid; exit 0; fi
  done
  sleep 0.01
done
exit 1)";

class DoctorMoveTest : public MoveTest {
 protected:
  void begin(const Argv& options) {
    for (const char* host : {"east", "west"}) {
      lab().check(host, "mkdir -p /srv/odd/mount /srv/odd/directory; printf 'read only' >/srv/odd/read; cp /bin/true /srv/odd/elf\n"
                        "cp /bin/sleep /srv/odd/program; mkfifo /srv/odd/fifo\n"
                        "mkdir -p /run/mount");  // mount(8) makes it, and a strike uses that
    }
    run("east", "odd", options, {"/usr/bin/python3", program("odd_one.py"), std::to_string(kPort)});
    ASSERT_TRUE(comes_true([&] { return ferry("east", {"logs", "odd"}).out.starts_with("READY"); }));
  }

  virtual std::string ask(const std::string& line) = 0;  // its answer

  // Its next number, none left out, and neither host has anything that it had not.
  void expect_unharmed() {
    EXPECT_EQ(ask("next"), std::to_string(++count_));
    EXPECT_EQ(state_of("east", "odd"), "running");
    expect_traces("east", east_);
    expect_traces("west", west_);
    for (const char* host : {"east", "west"}) EXPECT_EQ(lab().check(host, "find /srv -name 'link_remap*'"), "") << host;
  }

  std::string move_until_it_fails(const Case& one, bool& possible) {
    const std::string host = std::string(one.point).starts_with("target.") ? "west" : "east";
    Background move = lab().start("east", {"env", fmt::format("FERRY_FAULTS={}=pause", one.point), "sh", "-c",
                                           "exec ferry move -q odd root@west 2>&1"});
    const Result paused = lab().shell(host, kPausedFerry);
    EXPECT_EQ(paused.status, 0) << "the move did not come as far as " << one.point;
    if (!one.strike.empty()) lab().check(host, one.strike);
    if (one.meanwhile) possible = can(one.name, one.meanwhile);
    if (paused.status == 0) lab().check(host, "kill -CONT " + paused.out);
    std::string said;
    while (const auto line = move.read_line(60'000)) said += *line + "\n";
    EXPECT_EQ(move.wait(), possible ? one.status : 0) << said;
    if (!one.put_back.empty()) lab().check(host, one.put_back);
    return said;
  }

  bool can(const char* name, const char* what) {
    const std::string answer = ask(std::string("do ") + what);
    if (answer == "done") return true;
    EXPECT_EQ(answer.find("cannot: "), 0u) << what << ": " << answer;
    cannot_ += fmt::format("\n{}: {}", name, answer);
    return false;
  }

  // Where the error says it is, with CRIU's words, and the reason below them.
  void expect_log(const std::string& said, const Case& one) {
    const std::regex line("  log:   (?:(\\w+):)?(/\\S+)\n");
    std::smatch match;
    ASSERT_TRUE(std::regex_search(said, match, line)) << said;
    const bool at_target = said.find("(on west)") != std::string::npos;
    EXPECT_EQ(match[1], at_target ? "west" : "") << said;
    const std::string log = lab().check(at_target ? "west" : "east", "cat " + match[2].str());
    // It has no time for words when it is killed.
    const bool killed = std::string_view(one.why).starts_with("CRIU was killed");
    EXPECT_TRUE(killed || log.find("Error (") != std::string::npos) << log;
    EXPECT_NE(log.find(std::string("ferry: ")), std::string::npos) << log;
    EXPECT_NE(log.find(one.why), std::string::npos) << log;
  }

  void expect_failure(const Case& one) {
    SCOPED_TRACE(one.name);
    if (one.before && !can(one.name, one.before)) return;
    bool possible = true;
    const std::string said = move_until_it_fails(one, possible);
    if (!possible) {  // nothing was in its way: it has moved
      ASSERT_FALSE(move("odd", "west", "east").is_null());
      remember();
      return;
    }
    EXPECT_NE(said.find(one.why), std::string::npos) << said;
    EXPECT_NE(said.find(fmt::format("to do: {}", one.remedy)), std::string::npos) << said;
    EXPECT_NE(said.find("odd goes on here, unharmed"), std::string::npos) << said;
    if (one.status == 1) expect_log(said, one);
    EXPECT_EQ(ask("undo"), "done");
    expect_unharmed();
  }

  void remember() {
    east_ = traces("east");
    west_ = traces("west");
  }

  void expect_failures(const std::vector<Case>& cases) {
    remember();
    for (const auto& one : cases) {
      expect_failure(one);
      if (HasFatalFailure()) return;
    }
    ASSERT_FALSE(move("odd", "east", "west").is_null());
    home_ = "west";
    EXPECT_EQ(ask("next"), std::to_string(++count_));
    if (!cannot_.empty()) GTEST_SKIP() << "this machine cannot do all of it:" << cannot_;
  }

  std::string home_ = "east";

 private:
  std::string east_, west_, cannot_;
  int count_ = 0;
};

// With an address of its own. A client's connection is there all the time: it is by that that the workload is asked.
class DoctorTest : public DoctorMoveTest {
 protected:
  void SetUp() override {
    MoveTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_NO_FATAL_FAILURE(begin({"--ip", fmt::format("{}/24", kAddress)}));
    open_.emplace(connect());
  }
  std::string ask(const std::string& line) override {
    open_->send(line + "\n");
    std::string answer = open_->read_until("\n");
    answer.pop_back();
    return answer;
  }

 private:
  std::optional<Connection> open_;
};

constexpr const char* kNoDescriptor = "let it close that descriptor, or run it without that feature";
constexpr const char* kNoSandbox = "run it without unshare or a sandbox of its own";
constexpr const char* kNoSocket = "let it close that socket";
constexpr const char* kMoment = "try again: it is a matter of the moment";

TEST_F(DoctorTest, WhatTheWorkloadOpensAfterTheCheck) {
  expect_failures({
      asked("io_uring", "the workload has an io_uring open", "run it without io_uring"),
      asked("io_uring_mapping", "a kernel object (io_uring) mapped into its memory", "run it without that feature"),
      asked("userfaultfd", "a kernel object (userfaultfd) open as fd", kNoDescriptor),
      asked("perf_event", "a kernel object (perf_event) open as fd", kNoDescriptor),
      asked("bpf_map", "a kernel object (bpf-map) open as fd", kNoDescriptor),
      asked("landlock", "a kernel object (landlock-ruleset) open as fd", kNoDescriptor),
      asked("device /dev/fuse", "the workload has the device 10:229 open as fd", "run it without that device"),
      asked("tun", "a TUN/TAP device open", "run it without that device"),
      asked("mptcp", "a multipath TCP socket", "run it without MPTCP"),
      asked("vsock", "a socket of the address family 40", kNoSocket),
      asked("xdp", "a socket of the address family 44", kNoSocket),
      asked("corked_udp", "a UDP socket held back data", kMoment),
      asked("never_accepted", "had connected at that moment and was not accepted yet", kMoment),
      asked("netlink_groups", "listens to more of the kernel's news than CRIU can note down", "let the workload close it"),
      asked("netlink_unread", "had unread news of the kernel", kMoment),
      asked("packet_mode_pipe", "a pipe in packet mode", "use a socketpair"),
      asked("outsiders_pidfd", "a pidfd of process 1, which stays here", "let it close that pidfd"),
      here("unix_client", start("outsider"), kEnd, "connected to a program that stays here", "let it close that connection", "unix_client /srv/odd/outsider"),
      asked("message_queue", "or is a POSIX message queue", "let it close that descriptor"),
  });
}

TEST_F(DoctorTest, WhatTheWorkloadDoesAfterTheCheck) {
  expect_failures({
      asked("unseen_mount", "is on a mount that the workload itself does not see", "let it close that descriptor"),
      asked("covered_file", "/srv/odd/mount/covered lives on, but that name is gone or means another file", "let the workload open it again"),
      asked("renamed_file", "/srv/odd/renamed lives on, but that name is gone", "let the workload open it again"),
      asked("big_deleted_file 300000000", "the deleted file /srv/odd/big is still open and holds 3", "let the workload truncate or close it"),
      asked("secret_memory", "a kernel object (/secretmem) mapped into its memory", "run it without that feature"),
      asked("dead_first_thread", "the first thread of a process has ended", "let main() wait for its threads"),
      asked("uts_namespace", "is in a uts namespace of its own", kNoSandbox),
      asked("user_namespace", "is in a user namespace of its own", kNoSandbox),
      asked("pid_namespace", "is in a pid namespace of its own", kNoSandbox),
      asked("mount_namespace", "is in a namespace of its own", kNoSandbox),
      asked("network_namespace", "is in a namespace of its own", kNoSandbox),
      asked("deadline_scheduling", "scheduled by deadline", "chrt --other"),
      refused(here("a debugger", start("trace $(pgrep -f '[o]dd_one.py 8080')"), kEnd, "is traced by the process", "detach the debugger")),
      refused(asked("stopped_child", "is stopped", "kill -CONT")),
      here("no room", "mount -o remount,size=64k /dev/shm", "mount -o remount,size=50% /dev/shm", "there is no room left for CRIU's images", "free some"),
      here("CRIU is killed", kKillCriu, "", "CRIU was killed (signal 9)", "try again"),
  });
}

TEST_F(DoctorTest, WhatTheTargetDoesAfterTheCheck) {
  const std::string again = "printf 'read only' >/srv/odd/read";
  expect_failures({
      there("a file is gone", "open_file read", "rm /srv/odd/read", again, "/srv/odd/read is not there, and the workload uses it", "install the same packages"),
      there("a file has grown", "open_file read", "echo more >>/srv/odd/read", again, "/srv/odd/read is another file there: 14 bytes, not 9", "install the same packages"),
      there("permissions", "open_file read", "chmod 600 /srv/odd/read", "chmod 644 /srv/odd/read", "mode 0100600, not 0100644", "make it the same there"),
      there("another library", "map_file elf", "cp /bin/false /srv/odd/elf", "cp /bin/true /srv/odd/elf", "/srv/odd/elf is another file there", "install the same packages"),
      there("a program is gone", "run /srv/odd/program", "rm /srv/odd/program", "cp /bin/sleep /srv/odd/program", "/srv/odd/program is not there", "install the same packages"),
      there("no directory", "work_in directory", "rmdir /srv/odd/directory", "mkdir /srv/odd/directory", "/srv/odd/directory is not there", "install the same packages"),
      there("no directory of a socket", "unix_listening directory/socket", "rmdir /srv/odd/directory", "mkdir /srv/odd/directory", "its directory is not there", "make it there"),
      there("a socket's name is taken", "unix_listening directory/socket", "touch /srv/odd/directory/socket", "rm /srv/odd/directory/socket", "that name is taken there", "remove it there"),
      there("a terminal's number is taken", "terminal", start("terminals"), kEnd, "is taken there, and the workload has one of that number", "end what has it there"),
      there("CRIU is killed", nullptr, kKillCriu, "", "CRIU was killed (signal 9)", "try again"),
  });
}

// Without an address of its own: asked by a connection that lasts for one question.
class DoctorOnTheHostsNetworkTest : public DoctorMoveTest {
 protected:
  void SetUp() override {
    MoveTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_NO_FATAL_FAILURE(begin({}));
  }
  std::string ask(const std::string& line) override {
    return lab().check(home_, odd(fmt::format("say {} '{}'", kPort, line)));
  }
};

TEST_F(DoctorOnTheHostsNetworkTest, AddressesOfTheTarget) {
  expect_failures({
      there("the port is taken", nullptr, start(std::to_string(kPort)), kEnd, "another program listens on the workload's port there", "end that program"),
      asked("listen_at 10.77.0.1 9090", "listens on an address that the host does not have", "let it listen on 0.0.0.0"),
  });
}

TEST_F(DoctorOnTheHostsNetworkTest, ACriuThatDiesBeforeItsLogIsQuotedAndOldLogsGo) {
  remember();
  lab().check("east", "printf '#!/bin/sh\\ncase \"$1\" in --version) echo Version: 4.2.1;; *) echo no legs >&2; exit 7;; esac\\n' >/tmp/criu\n"
                      "chmod +x /tmp/criu; mkdir -p /var/lib/ferry/logs; cd /var/lib/ferry/logs\n"
                      "for i in $(seq 101 250); do touch -d @1000000$i old-$i.dump.log; done");
  const Result result = lab().shell("east", "FERRY_CRIU=/tmp/criu ferry move -q odd root@west");
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("CRIU ended with status 7; the last that it wrote: no legs"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("to do: see whether `criu check` works"), std::string::npos) << result.err;
  std::smatch log;
  ASSERT_TRUE(std::regex_search(result.err, log, std::regex("  log:   (/\\S+)\n"))) << result.err;
  EXPECT_NE(lab().check("east", "cat " + log[1].str()).find("no legs\nferry: CRIU ended with status 7"), std::string::npos);
  EXPECT_EQ(lab().check("east", "ls /var/lib/ferry/logs | wc -l"), "100");
  EXPECT_EQ(lab().check("east", "ls /var/lib/ferry/logs | grep old- | head -1"), "old-152.dump.log");
  expect_unharmed();
}

}  // namespace
}  // namespace ferry::testing

// SPDX-License-Identifier: Apache-2.0
//
// What of a workload itself cannot move: each kind really held by a real process, refused before anything is touched, with what to do.
#include <fmt/format.h>

#include "support/held_test.h"

namespace ferry::testing {
namespace {

struct BlockerCase {
  const char* name;
  const char* outsider;  // a script that runs on east beside it
  Argv things;
  std::vector<std::string> says;
};

class PreflightOf : public HeldTest, public ::testing::WithParamInterface<BlockerCase> {};

constexpr const char* kNothing = "";
constexpr const char* kListen = R"(
s = socket.socket(socket.AF_UNIX); s.bind('/tmp/outside'); s.listen(); ready()
accepted = s.accept(); until_told(); os.unlink('/tmp/outside'))";
constexpr const char* kFifo = R"(
os.mkfifo('/tmp/outside'); f = os.open('/tmp/outside', os.O_RDWR); ready(); until_told(); os.unlink('/tmp/outside'))";
constexpr const char* kLock = R"(
f = open('/tmp/outside', 'w'); fcntl.flock(f, fcntl.LOCK_SH); ready(); until_told(); os.unlink('/tmp/outside'))";
constexpr const char* kServer = R"(
s = socket.create_server(('127.0.0.1', 7001)); ready(); accepted = s.accept(); until_told())";

const std::vector<BlockerCase> kCases = {
    {"IoUring", kNothing, {"io_uring"}, {"open on an io_uring", "requests", "run it without io_uring"}},
    {"Userfaultfd", kNothing, {"userfaultfd"}, {"open on a userfaultfd of its own", "two owners", "close it before the move"}},
    {"Mptcp", kNothing, {"mptcp"}, {"open on a multipath TCP socket", "net.mptcp.enabled=0"}},
    {"PacketSocket", kNothing, {"packet"}, {"open on a packet socket", "this host's network devices", "end the capture"}},
    {"Device", kNothing, {"device=/dev/fuse"},
     {"open on /dev/fuse", "a device keeps its state in this host's kernel", "without that device"}},
    {"UnixSocketOfAnother", kListen, {"unix=/tmp/outside"},
     {"open on the unix socket /tmp/outside", "its other end belongs to python3 (pid", "close that connection"}},
    {"FifoOfAnother", kFifo, {"fifo=/tmp/outside"}, {"open on the FIFO /tmp/outside", "no part of the workload, has the same pipe"}},
    {"LockOfAnother", kLock, {"lock=/tmp/outside"},
     {"open on /tmp/outside, and locks it", "has a lock on that file too", "end that program first"}},
    {"ConnectionOfTheHostsAddress", kServer, {"connection=7001"},
     {"connected to 127.0.0.1 port 7001", "open TCP connections on this host's own address", "--tcp close"}},
};

Argv outsider_argv(const std::string& script) {
  return {"/usr/bin/python3", "-c", "import fcntl, os, socket, sys\ndef ready(): print('up', flush=True)\n"
                                    "def until_told(): sys.stdin.read()\n" + script};
}

TEST_P(PreflightOf, TheWorkload) {
  Background outsider;
  if (*GetParam().outsider != '\0') {
    outsider = lab().start("east", outsider_argv(GetParam().outsider));
    ASSERT_EQ(outsider.read_line(), "up");
  }
  hold(GetParam().things);
  expect_refused(GetParam().says);
  outsider.close_input();
  if (outsider.pid() > 0) outsider.wait();
}
INSTANTIATE_TEST_SUITE_P(, PreflightOf, ::testing::ValuesIn(kCases), [](const auto& one) { return one.param.name; });

class PreflightTest : public HeldTest {
 protected:
  // Where units and containers have their cgroups: a hierarchy of the host that is for naming only, or v2's.
  static constexpr const char* kEnter =
      "for c in /sys/fs/cgroup/systemd /sys/fs/cgroup/pids /sys/fs/cgroup; do [ -e $c/cgroup.procs ] && break; done; cd $c";
  void put_into_cgroup(const std::string& path) {
    change("east", fmt::format("{0} && mkdir -p {1} && echo {2} >{1}/cgroup.procs", kEnter, path, pid()),
           fmt::format("{0}; for i in $(seq 500); do rmdir -p {1} 2>/dev/null; [ -e {1} ] || exit 0; sleep 0.01; done; exit 1",
                       kEnter, path));
  }
  void start_bare(const Argv& things = {}) { hold_bare(fmt::format("setsid {} </dev/null >{} 2>&1 &", holder(things), kLog)); }
};

// In the host's IPC; that of `ferry run` travels.
TEST_F(PreflightTest, SysVSharedMemoryOfTheHost) {
  start_bare({"shared_memory"});
  expect_refused({"has the SysV shared memory", "belongs to the whole host", "start it with `ferry run`"});
}

TEST_F(PreflightTest, AllReasonsAtOnce) {
  start_bare({"packet", "device=/dev/fuse", "shared_memory"});
  const std::string said = expect_refused({"a packet socket", "end the capture", "/dev/fuse", "without that device",
                                           "the SysV shared memory", "`ferry run`"});
  EXPECT_NE(said.find("there are 3 reasons"), std::string::npos) << said;
}

TEST_F(PreflightTest, ATracer) {
  hold({});
  const auto script = fmt::format("import ctypes\nprint(ctypes.CDLL(None).ptrace(0x4206, {}, 0, 0), flush=True)\nuntil_told()",
                                  pid());  // PTRACE_SEIZE
  Background tracer = lab().start("east", outsider_argv(script));
  const auto seized = tracer.read_line();
  ASSERT_TRUE(seized);
  if (*seized != "0") GTEST_SKIP() << "nobody may trace here";
  expect_refused({fmt::format("(pid {}) is traced by python3 (pid ", pid()), "one tracer only", "end strace first"});
  tracer.close_input();
  tracer.wait();
  expect_moves();
}

TEST_F(PreflightTest, AStoppedTask) {
  hold({});
  const std::string holder = pid();
  lab().check("east", "kill -STOP " + holder);
  const Result moved = hosts_->ferry("east", {"move", what(), "root@west"});
  EXPECT_EQ(moved.status, 3);
  EXPECT_NE(moved.err.find(fmt::format("(pid {}) is stopped", holder)), std::string::npos) << moved.err;
  EXPECT_NE(moved.err.find("kill -CONT " + holder), std::string::npos) << moved.err;
  lab().check("east", "kill -CONT " + holder);
  expect_counts_on();
  expect_moves();
}

TEST_F(PreflightTest, ATerminal) {
  hold_bare(fmt::format("setsid script -qfc 'exec {} >{} 2>/dev/null' /dev/null </dev/null >/dev/null 2>&1 &", holder({}), kLog));
  expect_refused({"open on the terminal /dev/pts/", "stays on this host", "where script (pid ", "setsid CMD </dev/null"});
}

TEST_F(PreflightTest, APipeToAnother) {
  hold_bare(fmt::format("{} </dev/null 2>/dev/null | tee {} >/dev/null 2>&1 & exit 0", holder({}), kLog));
  expect_refused({"has fd 1 open on pipe:[", "tee (pid ", "no part of the workload", "input and output in files or sockets"});
}

// As most people start things: what an SSH session leaves running moves when its input and output are files.
TEST_F(PreflightTest, StartedInAnSshSession) {
  const auto over_ssh = [&](const std::string& output) {
    return fmt::format("ssh -o StrictHostKeyChecking=accept-new root@10.77.0.1 '{} </dev/null {} & sleep 0.1'", holder({}), output);
  };
  lab().check("client", over_ssh(fmt::format(">{} 2>&1", kLog)));
  hold_bare("true");
  expect_moves();
}

TEST_F(PreflightTest, AUnitOfSystemd) {
  start_bare();
  put_into_cgroup("system.slice/thing.service");
  expect_refused({"belongs to the systemd unit thing.service", "systemd would start it again here", "systemctl stop thing.service"});
}

TEST_F(PreflightTest, AContainerOfDocker) {
  start_bare();
  put_into_cgroup("docker/4f1c2b3a4f1c2b3a4f1c2b3a4f1c2b3a4f1c2b3a4f1c2b3a4f1c2b3a4f1c2b3a");
  expect_refused({"belongs to the docker container 4f1c2b3a4f1c", "ferry move docker:NAME"});
}

TEST_F(PreflightTest, AProgramOfSupervisord) {
  hold_bare(fmt::format("setsid bash -c \"exec -a /usr/bin/supervisord bash -c '{} >{} & wait'\" </dev/null >/dev/null 2>&1 &",
                        holder({}), kLog));
  expect_refused({"belongs to supervisord", "supervisord would start it again here", "`supervisorctl status`"});
}

// A session's scope, and the service of an sshd without a session manager, own nobody.
TEST_F(PreflightTest, SessionsOwnNobody) {
  start_bare();
  put_into_cgroup("user.slice/user-0.slice/session-1.scope");
  EXPECT_EQ(hosts_->ferry("east", {"check", what()}).status, 0);
  put_into_cgroup("system.slice/ssh.service");
  const Result checked = hosts_->ferry("east", {"check", what()});
  EXPECT_EQ(checked.status, 0) << checked.out;
  expect_moves();
}

TEST_F(PreflightTest, ADryRunIsTheCheckAndTouchesNothing) {
  hold({"file=/etc/passwd"});
  const std::string east = hosts_->traces("east"), west = hosts_->traces("west");
  for (const Argv& words : {Argv{"move", "--dry-run"}, {"check"}}) {
    Argv argv = words;
    argv.insert(argv.end(), {what(), "root@west"});
    const Result fine = hosts_->ferry("east", argv);
    EXPECT_EQ(fine.status, 0) << fine.out << fine.err;
    EXPECT_EQ(fine.out, "held can move to west\n");
    EXPECT_EQ(fine.err, "");
  }
  EXPECT_EQ(hosts_->state_of("east", kName), "running");
  expect_counts_on();
  hosts_->expect_traces("east", east);
  hosts_->expect_traces("west", west);
}

// Of both hosts, each with its remedy; for programs the same from either command.
TEST_F(PreflightTest, AsJson) {
  lab().check("east", "echo here >/srv/app/data");
  hold({"packet", "file=/srv/app/data"});
  const Result check = hosts_->ferry("east", {"check", what(), "root@west", "--json"});
  const Result dry_run = hosts_->ferry("east", {"move", what(), "root@west", "--dry-run", "--json"});
  EXPECT_EQ(check.status, 3) << check.err;
  EXPECT_EQ(dry_run.status, 3) << dry_run.err;
  const Json told = Json::parse(check.out);
  EXPECT_EQ(told, Json::parse(dry_run.out));
  EXPECT_EQ(told.at("name"), "held");
  EXPECT_EQ(told.at("target"), "west");
  EXPECT_EQ(told.at("can_move"), false);
  EXPECT_TRUE(told.at("warnings").empty());
  ASSERT_EQ(told.at("reasons").size(), 2U) << check.out;
  EXPECT_EQ(told.at("reasons")[0].at("host"), "east");
  EXPECT_EQ(told.at("reasons")[1].at("host"), "west");
  EXPECT_EQ(told.at("reasons")[1].at("what"), "missing: /srv/app/data");
  for (const auto& reason : told.at("reasons")) {
    EXPECT_NE(reason.at("why"), "");
    EXPECT_NE(reason.at("remedy"), "");
  }
  expect_counts_on();
  const Result unknown = hosts_->ferry("east", {"check", "nobody", "root@west", "--json"});
  EXPECT_EQ(unknown.status, 3);
  EXPECT_EQ(Json::parse(unknown.out).at("can_move"), false);
  EXPECT_EQ(Json::parse(unknown.out).at("error").at("what"), "there is no workload called nobody on this host");
}

}  // namespace
}  // namespace ferry::testing

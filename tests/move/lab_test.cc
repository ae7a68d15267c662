// SPDX-License-Identifier: Apache-2.0
//
// The lab's promises: hosts that are like hosts, and a machine that does not notice.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/namespaces.h"
#include "kernel/procfs.h"
#include "support/lab.h"
#include "support/poll.h"

namespace ferry::testing {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

class LabTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = why_no_lab(); !reason.empty()) GTEST_SKIP() << reason;
  }
};

Result ferry_lab(Argv words) {
  words.insert(words.begin(), {ferry_program().string(), "lab"});
  return base::run(words);
}

std::string machine(const std::string& script) { return base::run({"bash", "-c", script}).out; }

// What a lab has while it lives, to see that it has gone.
struct Traces {
  std::string name, id;
  kernel::ProcessId supervisor;
  std::vector<kernel::ProcessId> inits;
  std::set<uint64_t> namespaces;  // of the hosts and of the supervisor, none of them ours
};

Traces traces_of(const Lab& lab) {
  const Json state = Json::parse(lab.state_json()).at(0);
  Traces traces{state.at("name"), state.at("id"), {}, {}, {}};
  const auto process = [](const Json& json) { return kernel::ProcessId{json.at("pid"), json.at("start_ticks")}; };
  traces.supervisor = process(state.at("supervisor"));
  std::vector<pid_t> pids{traces.supervisor.pid};
  for (const auto& host : state.at("hosts")) {
    traces.inits.push_back(process(host.at("init")));
    pids.push_back(traces.inits.back().pid);
  }
  for (const pid_t pid : pids) {
    for (const char* kind : kernel::kNamespaceKinds) {
      const uint64_t id = kernel::namespace_id(pid, kind);
      if (id != kernel::namespace_id(::getpid(), kind)) traces.namespaces.insert(id);
    }
  }
  return traces;
}

std::string cgroups_named(const std::string& part) {
  return machine("find /sys/fs/cgroup -type d -name '*" + part + "*' | sort");
}

// Empty when nothing of the lab is left.
std::string left_of(const Traces& traces) {
  std::string left = cgroups_named(traces.id);
  if (kernel::is_alive(traces.supervisor)) left += "supervisor ";
  for (const auto& init : traces.inits) left += kernel::is_alive(init) ? fmt::format("init {} ", init.pid) : "";
  if (std::filesystem::exists("/run/ferry-lab/" + traces.name + ".json")) left += "state file ";
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (kernel::task_state(std::stoi(name)) == 'Z') continue;  // dead; whoever inherited it has yet to look
    for (const char* kind : kernel::kNamespaceKinds) {
      if (traces.namespaces.contains(kernel::namespace_id(std::stoi(name), kind))) {
        left += fmt::format("pid {} in its {} namespace ", name, kind);
      }
    }
  }
  return left;
}

// Everything of the machine's own that a lab could change. Counters and the like are left out.
std::string machine_state() {
  return machine(
      "ip -o link | sed 's/ state .*//'; ip -o addr | sed 's/ valid_lft.*//'; ip route; ip rule; ip netns 2>/dev/null;"
      "cat /proc/self/mountinfo;"
      "sysctl -a 2>/dev/null | grep -vE '^(kernel.random|kernel.ns_last_pid|kernel.pty.nr|fs.(dentry-state|inode-|file-nr|aio-nr|"
      "quota)|net.netfilter.nf_conntrack_count|kernel.perf_event_max|net.ipv4.tcp_fastopen_key|kernel.(sched|numa))';"
      "hostname; cat /etc/hosts /etc/passwd /etc/group; ls -la /root /root/.ssh /etc/ssh /usr/local/bin /var/log 2>/dev/null | "
      "grep -v ' \\.$\\| \\.\\.$';"
      "for tool in 'nft list ruleset' iptables-save ip6tables-save; do command -v ${tool%% *} >/dev/null && $tool | grep -v '^#'; done; true");
}

double seconds(const std::string& uptime) { return std::stod(uptime); }

TEST_F(LabTest, AHostIsLikeAHost) {
  const Lab lab;
  const double here = seconds(base::read_file("/proc/uptime"));
  EXPECT_NEAR(seconds(lab.check("east", "cat /proc/uptime")) - here, 1000, 30);
  EXPECT_NEAR(seconds(lab.check("west", "cat /proc/uptime")) - here, 5000, 30);
  EXPECT_NEAR(std::stod(lab.check("west", "/usr/bin/python3 -c 'import time; print(time.monotonic())'")) - here, 5000, 30);
  for (const char* host : {"east", "west", "client"}) {
    EXPECT_EQ(lab.check(host, "hostname"), host);
    EXPECT_EQ(lab.check(host, "stat -f -c %T / /run /tmp /var/run/ /dev/shm"), "overlayfs\ntmpfs\ntmpfs\ntmpfs\ntmpfs");
    EXPECT_EQ(lab.check(host, "stat -c %a /run /tmp /root /root/.ssh"), "755\n1777\n700\n700");
    EXPECT_EQ(lab.check(host, "id -un; echo $HOME; which ferry"), "root\n/root\n/usr/local/bin/ferry");
    EXPECT_EQ(lab.check(host, "cat /proc/self/cgroup | cut -d: -f3 | sort -u"), "/");
    EXPECT_EQ(lab.check(host, "findmnt -no PROPAGATION /"), "shared");
    EXPECT_NE(lab.check(host, "getent passwd sshd redis www-data | cut -d: -f1 | xargs"), "");
    EXPECT_EQ(lab.check(host, "getent passwd sshd redis www-data | wc -l"), "3");
  }
  lab.check("east", "echo east >/run/mark; echo east >/var/mark; mkdir /dev/shm/mark; mknod /dev/mark c 1 3");
  EXPECT_EQ(lab.shell("west", "ls /run/mark /var/mark /dev/shm/mark /dev/mark").out, "");
  EXPECT_EQ(machine("ls /run/mark /var/mark /dev/shm/mark /dev/mark 2>/dev/null"), "");
}

TEST_F(LabTest, TheInitReapsOrphans) {
  const Lab lab({.hosts = {"east"}});
  lab.check("east", "for i in 1 2 3 4 5; do (sleep 0.1 &) ; done");
  EXPECT_TRUE(comes_true([&] { return lab.check("east", "ps -eo stat,comm | grep -c '^Z\\|sleep' || true") == "0"; },
                         5000));
}

TEST_F(LabTest, NamesResolveAndSshWorksBetweenAllHosts) {
  const Lab lab({.without_ferry = {"client"}});
  for (const std::string from : {"east", "west", "client"}) {
    for (const std::string to : {"east", "west", "client"}) {
      EXPECT_EQ(lab.check(from, fmt::format("ssh root@{} 'hostname; echo $PATH' </dev/null", to)),
                to + "\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    }
  }
  EXPECT_EQ(lab.check("client", "getent hosts west"), "10.77.0.2       west");
  EXPECT_EQ(lab.check("east", "ssh west ferry --version"), lab.check("east", "ferry --version"));
  EXPECT_EQ(lab.shell("client", "which ferry").out, "");
}

TEST_F(LabTest, AnAddressAttachedByHandAnswers) {
  const Lab lab;
  lab.check("east", "ip addr add 10.77.0.9/24 dev br0");
  // As a workload with a network namespace of its own has it.
  lab.check("west",
            "ip netns add w && ip link add v0 type veth peer name eth0 netns w && ip link set v0 master br0 up &&"
            "ip -n w link set eth0 up && ip -n w addr add 10.77.0.10/24 dev eth0");
  for (const char* address : {"10.77.0.9", "10.77.0.10"}) {
    EXPECT_EQ(lab.shell("client", fmt::format("ping -q -c2 -i0.1 -W2 {}", address)).status, 0) << address;
  }
}

TEST_F(LabTest, TheMachineDoesNotNotice) {
  const std::string before = machine_state();
  Lab lab({.rate = "1gbit", .delay = "1ms"});
  lab.check("east", "sysctl -qw net.ipv4.ip_forward=1; ip link add extra type bridge; mkdir -p /mnt/x; mount -t tmpfs x /mnt/x;"
                    "echo 1 >/etc/mark; hostname other");
  EXPECT_EQ(machine_state(), before);
  const Traces traces = traces_of(lab);
  EXPECT_NE(left_of(traces), "");
  lab.end();
  EXPECT_EQ(left_of(traces), "");
  EXPECT_EQ(machine_state(), before);
}

TEST_F(LabTest, KillingFerryLabRunLeavesNothing) {
  for (const char* delay : {"", "1ms"}) {
    Lab lab({.delay = delay});
    // A daemon that has left its session, and a tree that is frozen: neither may survive.
    lab.check("east", "setsid sleep 1000 </dev/null >/dev/null 2>&1 & "
                      "d=/sys/fs/cgroup/freezer/cold; [ -d /sys/fs/cgroup/freezer ] || d=/sys/fs/cgroup/cold; mkdir -p $d/deeper;"
                      "sleep 1000 </dev/null >/dev/null 2>&1 & until grep -q sleep /proc/$!/comm; do sleep 0.01; done;"
                      "echo $! >$d/deeper/cgroup.procs;"
                      "echo FROZEN >$d/freezer.state 2>/dev/null || echo 1 >$d/cgroup.freeze");
    const Traces traces = traces_of(lab);
    lab.command().signal(SIGKILL);
    EXPECT_TRUE(comes_true([&] { return left_of(traces).empty(); }, 10'000)) << left_of(traces);
  }
}

TEST_F(LabTest, KillingItWhileItComesUpLeavesNothing) {
  const std::string name = fmt::format("early-{}", ::getpid());
  const auto is_gone = [&] {
    ferry_lab({"status"});  // sweeps, if it was the supervisor that died
    return !std::filesystem::exists("/run/ferry-lab/" + name + ".json");
  };
  for (int after_ms = 0; after_ms < 240; after_ms += 20) {
    Background run = start_program({ferry_program().string(), "lab", "run", "--name", name, "--layer", lab_layer().string(),
                                    "--delay", "1ms", "--", "sleep", "1000"});
    std::this_thread::sleep_for(milliseconds(after_ms));
    run.signal(SIGKILL);
    EXPECT_TRUE(comes_true(is_gone, 20'000)) << after_ms;
  }
  // The very early ones may only have begun when we looked.
  const auto running = [&] { return machine("pgrep -f 'lab [r]un --name " + name + "'"); };
  EXPECT_TRUE(comes_true([&] { return is_gone() && running().empty(); }, 10'000)) << running();
}

TEST_F(LabTest, HostsDieWithTheSupervisorAndTheNextCommandSweeps) {
  Lab lab({.hosts = {"east", "west"}});
  const Traces traces = traces_of(lab);
  ASSERT_TRUE(kernel::signal_process(traces.supervisor, SIGKILL));
  EXPECT_TRUE(comes_true([&] { return !kernel::is_alive(traces.inits[0]) && !kernel::is_alive(traces.inits[1]); },
                         5000));
  EXPECT_NE(lab.command().wait(), 0);  // the command was told
  EXPECT_EQ(ferry_lab({"status"}).status, 0);
  EXPECT_TRUE(comes_true([&] { return left_of(traces).empty(); }, 2000)) << left_of(traces);  // the kernel ends them one by one
}

TEST_F(LabTest, TwoLabsSideBySide) {
  const Lab one({.hosts = {"east", "west"}}), two({.hosts = {"west", "east"}});
  one.check("east", "ip addr add 10.77.0.9/24 dev br0");
  EXPECT_EQ(one.shell("west", "ping -q -c1 -W2 10.77.0.9").status, 0);
  EXPECT_NE(two.shell("west", "ping -q -c1 -W1 10.77.0.9").status, 0);
  EXPECT_EQ(one.check("east", "ssh west hostname"), "west");
  EXPECT_EQ(two.check("east", "ssh west hostname"), "west");
  EXPECT_NE(one.shell("east", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").out,
            two.shell("west", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").out);
}

constexpr const char* kSink =
    "import socket,time\n"
    "s=socket.create_server(('0.0.0.0',5001)); print('ready',flush=True)\n"
    "c,_=s.accept(); t=time.time(); n=0; b=bytearray(1<<20)\n"
    "while True:\n"
    "  r=c.recv_into(b)\n"
    "  if not r: break\n"
    "  n+=r\n"
    "print(n/1e6/(time.time()-t))\n";

double megabytes_per_second(const Lab& lab, const std::string& from, const std::string& to, int megabytes) {
  Background sink = lab.start(to, {"/usr/bin/python3", "-c", kSink});
  EXPECT_EQ(sink.read_line(), "ready");
  lab.check(from, fmt::format("/usr/bin/python3 -c \"import socket; c=socket.create_connection(('{}',5001)); b=bytes(1<<20)\n"
                              "for i in range({}): c.sendall(b)\"", to, megabytes));
  return std::stod(sink.read_line(60'000).value_or("0"));
}

double round_trip_ms(const Lab& lab, const std::string& from, const std::string& to) {
  // "rtt min/avg/max/mdev = 8.330/8.495/8.830/0.149 ms": the smallest is the least disturbed.
  const std::string out = lab.check(from, "ping -q -c10 -i0.02 " + to);
  return std::stod(out.substr(out.rfind("= ") + 2));
}

TEST_F(LabTest, TheRateIsKept) {
  const Lab lab({.rate = "200mbit"});
  for (const auto& [from, to] : {std::pair{"client", "west"}, std::pair{"west", "client"}}) {
    const double rate = megabytes_per_second(lab, from, to, 25);
    EXPECT_GT(rate, 10) << from;
    EXPECT_LT(rate, 28) << from;
  }
  EXPECT_LT(round_trip_ms(lab, "client", "west"), 5);
}

TEST_F(LabTest, TheDelayIsAdded) {
  const Lab lab({.delay = "5ms"});
  const double rtt_ms = round_trip_ms(lab, "client", "west");  // two links, there and back
  EXPECT_GE(rtt_ms, 20);
  EXPECT_LT(rtt_ms, 30);
  const double rate = megabytes_per_second(lab, "client", "west", 200);
  RecordProperty("megabytes_per_second", std::to_string(rate));
  EXPECT_GT(rate, 50);
}

TEST_F(LabTest, ExecIsTransparent) {
  const Lab lab({.hosts = {"east"}});
  EXPECT_EQ(lab.shell("east", "exit 42").status, 42);
  EXPECT_EQ(lab.shell("east", "kill -9 $$").status, 128 + SIGKILL);
  EXPECT_EQ(lab.shell("east", "tr a-z A-Z; echo no >&2", "yes").out, "YES");
  EXPECT_EQ(lab.shell("east", "tr a-z A-Z; echo no >&2", "yes").err, "no\n");
  EXPECT_EQ(lab.check("east", "pwd"), std::filesystem::current_path().string());
  EXPECT_EQ(lab.exec("east", {"no-such-program"}).status, 127);
  // A descriptor of the machine's in a host makes a dump there fail.
  const std::string fds = machine(fmt::format("exec 7</etc/passwd; {} lab exec --name {} east -- ls /proc/self/fd",
                                              ferry_program().string(), lab.name()));
  EXPECT_EQ(fds, "0\n1\n2\n3\n");  // the last one is ls's own
}

TEST_F(LabTest, ExecOnATerminalGivesOneOfTheHosts) {
  const Lab lab({.hosts = {"east"}});
  const std::string out = machine(fmt::format("script -qec '{} lab exec --name {} east -- sh -c \"tty; exit 4\"' /dev/null; echo $?",
                                              ferry_program().string(), lab.name()));
  EXPECT_NE(out.find("/dev/pts/0\r\n4\n"), std::string::npos) << out;
}

TEST_F(LabTest, ExecPassesSignalsOn) {
  const Lab lab({.hosts = {"east"}});
  Background trap = lab.start("east", {"bash", "-c", "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.05; done"});
  ASSERT_EQ(trap.read_line(), "ready");
  trap.signal(SIGTERM);
  EXPECT_EQ(trap.read_line(), "got");
  EXPECT_EQ(trap.wait(), 3);
  // And it dies with us.
  Background sleeper = lab.start("east", {"sh", "-c", "echo ready; exec sleep 987654"});
  ASSERT_EQ(sleeper.read_line(), "ready");
  sleeper.signal(SIGKILL);
  EXPECT_TRUE(comes_true([&] { return lab.shell("east", "pgrep -f 'sleep [9]87654'").out.empty(); }, 5000));
}

TEST_F(LabTest, RunReturnsItsCommandsExitCodeAndPassesSignalsOn) {
  const std::string layer = lab_layer().string(), name = fmt::format("run-{}", ::getpid());
  EXPECT_EQ(ferry_lab({"run", "--name", name, "--hosts", "east", "--layer", layer, "--", "sh", "-c",
                       ferry_program().string() + " lab exec east -- true && exit 9"}).status, 9);
  Background command = start_program({ferry_program().string(), "lab", "run", "--name", name, "--hosts", "east", "--layer", layer,
                                      "--", "bash", "-c", "trap 'echo int; exit 5' INT; echo up; while :; do sleep 0.05; done"});
  ASSERT_EQ(command.read_line(30'000), "up");
  command.signal(SIGINT);
  EXPECT_EQ(command.read_line(), "int");
  EXPECT_EQ(command.wait(), 5);
  EXPECT_FALSE(std::filesystem::exists("/run/ferry-lab/" + name + ".json"));
}

TEST_F(LabTest, UpStaysUntilDown) {
  const std::string name = fmt::format("stays-{}", ::getpid());
  const Argv up{"up", "--name", name, "--hosts", "east,west", "--layer", lab_layer().string()};
  ASSERT_EQ(ferry_lab(up).status, 0);
  EXPECT_EQ(ferry_lab(up).status, 3);
  EXPECT_NE(ferry_lab(up).err.find("one of that name is up"), std::string::npos);
  EXPECT_NE(ferry_lab({"status"}).out.find(name), std::string::npos);
  EXPECT_EQ(ferry_lab({"exec", "--name", name, "west", "--", "hostname"}).out, "west\n");
  EXPECT_EQ(ferry_lab({"exec", "--name", name, "north", "--", "true"}).status, 3);
  EXPECT_EQ(ferry_lab({"down", "--name", name}).status, 0);
  EXPECT_EQ(ferry_lab({"down", "--name", name}).status, 3);
  EXPECT_EQ(ferry_lab({"exec", "--name", name, "west", "--", "true"}).status, 3);
}

TEST_F(LabTest, BadInputIsRefusedAndLeavesNothing) {
  const std::string layer = lab_layer().string();
  const std::vector<Argv> bad = {
      {"--name", "../etc"}, {"--name", ""},        {"--hosts", "east,east"}, {"--hosts", "a/b"},       {"--hosts", "-x"},
      {"--rate", "100"},    {"--rate", "1kbit"},   {"--delay", "2"},         {"--delay", "1h"},        {"--layer", "/no/such"},
      {"--hosts", "a,b,c,d,e,f,g,h,i"},            {"--no-ferry", "north"}};
  for (const auto& words : bad) {
    Argv argv{"run", "--name", fmt::format("bad-{}", ::getpid())};
    if (words[0] == "--name") argv.resize(1);
    argv.insert(argv.end(), words.begin(), words.end());
    argv.insert(argv.end(), {"--", "true"});
    const Result result = ferry_lab(argv);
    EXPECT_EQ(result.status, 2) << words[0] << " " << words[1] << ": " << result.err;
  }
  // Without a layer there is no sshd, unless the machine has one.
  if (!std::filesystem::exists("/usr/sbin/sshd")) {
    const Result result = ferry_lab({"run", "--name", fmt::format("bad-{}", ::getpid()), "--", "true"});
    EXPECT_EQ(result.status, 3);
    EXPECT_NE(result.err.find("sshd"), std::string::npos);
    EXPECT_NE(result.err.find("get-layer"), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(fmt::format("/run/ferry-lab/bad-{}.json", ::getpid())));
}

// On a machine that has only cgroup v2: here its place is made to look like that, in a mount namespace of its own.
TEST_F(LabTest, WorksWithCgroupV2Alone) {
  const Result result = base::run(
      {"unshare", "--mount", "sh", "-c",
       fmt::format("mount -t cgroup2 none /sys/fs/cgroup && exec {} lab run --name v2-{} --hosts east --layer {} -- {} lab exec east "
                   "-- sh -c 'stat -f -c %T /sys/fs/cgroup; mkdir /sys/fs/cgroup/x && ls /sys/fs/cgroup/x/cgroup.freeze'",
                   ferry_program().string(), ::getpid(), lab_layer().string(), ferry_program().string())});
  EXPECT_EQ(result.out, "cgroup2fs\n/sys/fs/cgroup/x/cgroup.freeze\n") << result.err;
}

}  // namespace
}  // namespace ferry::testing

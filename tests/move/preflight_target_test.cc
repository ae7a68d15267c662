// SPDX-License-Identifier: Apache-2.0
//
// What the other host lacks or has otherwise: west really differs from east, the refusal says in what, and nothing is touched.
#include <fmt/format.h>

#include "support/held_test.h"
#include "support/unharmed_test.h"

namespace ferry::testing {
namespace {

class PreflightTargetTest : public HeldTest {
 protected:
  void mount_small(const std::string& directory, int megabytes) {
    change("west", fmt::format("mkdir -p {0} && mount -t tmpfs -o size={1}m none {0}", directory, megabytes),
           fmt::format("umount {0}", directory));
  }
  // In place of a file of west's /proc: the same, but for what `edit` (of sed) says.
  void edit_proc(const std::string& file, const std::string& edit) {
    change("west", fmt::format("sed '{1}' /proc/{0} >/run/edited && mount --bind /run/edited /proc/{0}", file, edit),
           fmt::format("umount /proc/{0} && rm /run/edited", file));
  }
  // What is started as `ferry` on west runs under another personality(2).
  void set_personality(const std::string& option) {
    change("west",
           fmt::format("f=/usr/local/bin/ferry; cp -P $f $f.kept && rm $f && "
                       "printf '#!/bin/sh\\nexec setarch {} %s \"$@\"\\n' \"$(readlink -f $f.kept)\" >$f && chmod +x $f", option),
           "mv /usr/local/bin/ferry.kept /usr/local/bin/ferry");
  }
};

// Two builds of one library, of the same size, told from each other by their build-ids.
constexpr const char* kBuild =
    "echo 'int version(void) {{ return {}; }}' | gcc -shared -fPIC -Wl,--build-id -o /srv/app/libthing.so -x c -";

TEST_F(PreflightTargetTest, AnotherBuildOfALibrary) {
  if (lab().shell("east", "command -v gcc").status != 0) GTEST_SKIP() << "no gcc";
  lab().check("east", fmt::format(kBuild, 1));
  lab().check("west", fmt::format(kBuild, 2));
  hold({"library=/srv/app/libthing.so"});
  const std::string said = expect_refused({"another file here: /srv/app/libthing.so", "its own version of these files",
                                           "install the same packages"});
  EXPECT_NE(said.find("(on west)"), std::string::npos) << said;
  lab().check("west", fmt::format(kBuild, 1));
  expect_moves();
}

TEST_F(PreflightTargetTest, NoExecutable) {
  lab().check("east", "cp $(readlink -f /usr/bin/python3) /srv/app/holder");
  hold({}, {}, "/srv/app/holder");
  expect_refused({"missing: /srv/app/holder", "they do not travel", "rsync -aR"});
  lab().check("west", "cp $(readlink -f /usr/bin/python3) /srv/app/holder");
  expect_moves();
}

TEST_F(PreflightTargetTest, FilesThatItReads) {
  lab().check("east", "cd /srv/app && echo same >same && echo east >differs && echo longer >size && echo only here >missing");
  lab().check("west", "cd /srv/app && echo same >same && echo west >differs && echo short >size");
  lab().check("west", "truncate -s 3 /srv/app/size");
  hold({"file=/srv/app/same", "file=/srv/app/differs", "file=/srv/app/size", "file=/srv/app/missing"});
  const std::string said = expect_refused({"missing: /srv/app/missing", "another file here: /srv/app/size (3 bytes, not 7)",
                                           "another file here: /srv/app/differs"});
  EXPECT_EQ(said.find("/srv/app/same"), std::string::npos) << said;
}

TEST_F(PreflightTargetTest, AFileThatWouldBeOverwritten) {
  lab().check("east", "echo of the workload >/srv/app/log");
  lab().check("west", "echo of somebody else >/srv/app/log");
  hold({"log=/srv/app/log"});
  expect_refused({"will not overwrite /srv/app/log", "another file is there already", "move that one away"});
  EXPECT_EQ(lab().check("west", "cat /srv/app/log"), "of somebody else");
  lab().check("west", "echo of the work | tr -d '\\n' >/srv/app/log");  // an earlier part of it
  expect_moves();
  EXPECT_EQ(lab().check("west", "cat /srv/app/log"), "of the workload");
}

TEST_F(PreflightTargetTest, NoDirectory) {
  lab().check("east", "mkdir /srv/app/place && echo >/srv/app/place/log");
  hold({"log=/srv/app/place/log"});
  expect_refused({"no directory /srv/app/place", "mkdir -p /srv/app/place"});
}

TEST_F(PreflightTargetTest, ASmallerDisk) {
  lab().check("east", "mkdir /srv/app/place && head -c 8000000 /dev/zero >/srv/app/place/log");
  mount_small("/srv/app/place", 4);
  hold({"log=/srv/app/place/log"});
  expect_refused({"not enough room in /srv/app/place", "are needed", "are free", "free some"});
}

TEST_F(PreflightTargetTest, TooLittleMemory) {
  edit_proc("meminfo", "s/^MemAvailable:.*/MemAvailable:      51200 kB/");
  hold({});
  expect_refused({"not enough memory", "50.0 MiB are available", "a host with more memory"});
}

TEST_F(PreflightTargetTest, ACpuWithoutWhatItMayUse) {
  if (lab().shell("west", "grep -qw sse4_2 /proc/cpuinfo").status != 0) GTEST_SKIP() << "not this CPU";
  edit_proc("cpuinfo", "s/ sse4_2//");
  hold({});
  expect_refused({"the CPU lacks sse4_2", "may be using that", "the host with the older CPU"});
}

TEST_F(PreflightTargetTest, AnOlderCriu) {
  const std::string place = "$(dirname $(readlink -f /usr/local/bin/ferry))/criu";
  change("west", fmt::format("d={}; mount -t tmpfs none $d && printf '#!/bin/sh\\necho Version: 3.17.1\\n' >$d/criu && "
                             "chmod +x $d/criu", place),
         fmt::format("umount {}", place));
  hold({});
  expect_refused({"CRIU 3.17.1 is older than the ", "install the same one on both hosts: tools/get-criu"});
}

TEST_F(PreflightTargetTest, AnotherKindOfMachine) {
  set_personality("i686");
  if (lab().shell("west", "ferry receive --show-protocol").status != 0) GTEST_SKIP() << "no such personality here";
  hold({});
  expect_refused({"this host is i686", "the workload runs on x86_64", "a host of the same kind"});
}

// A warning only: it is said, and the move goes on.
TEST_F(PreflightTargetTest, AnOlderKernel) {
  set_personality("--uname-2.6");
  hold({});
  const Result checked = hosts_->ferry("east", {"check", what(), "root@west"});
  EXPECT_EQ(checked.status, 0) << checked.out;
  EXPECT_NE(checked.out.find("mind, on west: the kernel here (2.6."), std::string::npos) << checked.out;
  const Result moved = hosts_->ferry("east", {"move", what(), "root@west"});
  EXPECT_NE(moved.err.find("ferry: on west: the kernel here (2.6."), std::string::npos) << moved.err;
  EXPECT_EQ(moved.status, 0) << moved.err;
  EXPECT_EQ(hosts_->state_of("west", kName), "running");
}

TEST_F(PreflightTargetTest, APortThatIsTaken) {
  Background other = lab().start("west", {"/usr/bin/python3", "-c", "import socket, sys; s = socket.create_server(('', 7002)); "
                                                                    "print('up', flush=True); sys.stdin.read()"});
  ASSERT_EQ(other.read_line(), "up");
  hold({"listener=7002"});
  expect_refused({"TCP port 7002 of 0.0.0.0 is taken", "another program listens there", "ferry run --ip"});
  other.close_input();
  other.wait();
  expect_moves();
}

TEST_F(PreflightTargetTest, AllReasonsAtOnce) {
  lab().check("east", "cd /srv/app && echo only here >missing && mkdir place && head -c 8000000 /dev/zero >place/log");
  mount_small("/srv/app/place", 4);
  edit_proc("meminfo", "s/^MemAvailable:.*/MemAvailable:      51200 kB/");
  hosts_->run("west", kName, {}, {"sleep", "1000"});
  hold({"file=/srv/app/missing", "log=/srv/app/place/log"});
  const std::string said = expect_refused({"missing: /srv/app/missing", "rsync -aR", "not enough room in /srv/app/place", "free some",
                                           "not enough memory", "a host with more memory", "a workload of that name runs here already",
                                           "`ferry stop held`"});
  EXPECT_NE(said.find("there are 4 reasons"), std::string::npos) << said;
}

class TakenAddressTest : public UnharmedTest {};

TEST_F(TakenAddressTest, ByAnotherHost) {
  // On the segment, with a MAC of its own; it says nothing by itself.
  lab().check("client", "ip netns add other && ip link add o0 type veth peer name o1 netns other && ip link set o0 master br0 up && "
                        "ip -n other link set o1 address 02:00:00:00:00:77 && ip -n other addr add 10.77.0.9/24 dev o1 && "
                        "ip -n other link set o1 up");
  const Result result = expect_no_move({"web", "root@west"}, 3, "the address 10.77.0.9 is taken: 02:00:00:00:00:77 on br0 answers for it");
  EXPECT_NE(result.err.find("an address can be in one place only"), std::string::npos) << result.err;
  lab().check("client", "ip netns del other");
  expect_next_move_works();
}

TEST_F(TakenAddressTest, ByTheTargetItself) {
  lab().check("west", "ip addr add 10.77.0.9/32 dev lo");
  remember();
  expect_no_move({"web", "root@west"}, 3, "the address 10.77.0.9 is taken: this host itself has it");
  lab().check("west", "ip addr del 10.77.0.9/32 dev lo");
  remember();
  expect_next_move_works();
}

TEST_F(TakenAddressTest, ATargetWithoutABridge) {
  lab().check("west", "ip addr flush dev br0 && ip addr add 10.77.0.2/32 dev br0 && ip route add 10.77.0.0/24 dev br0");
  remember();
  expect_no_move({"web", "root@west"}, 3, "no bridge of this host has an address in that network");
}

}  // namespace
}  // namespace ferry::testing

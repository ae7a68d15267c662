// SPDX-License-Identifier: Apache-2.0
//
// Lines as CRIU 4.2.1 has written them; that it still writes them, the tests of moves that fail show.
#include "criu/doctor.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "criu/session.h"

namespace ferry::criu {
namespace {

class DoctorTest : public ::testing::Test {
 protected:
  DoctorTest() { EXPECT_NE(::mkdtemp(directory_), nullptr); }
  ~DoctorTest() override { std::filesystem::remove_all(directory_); }
  base::Path log(const std::string& text) const {
    const auto path = base::Path(directory_) / "dump.log";
    base::replace_file(path, text, base::Durable::kNo);
    return path;
  }

 private:
  char directory_[32] = "/tmp/ferry-doctor-XXXXXX";
};

struct Case {
  const char* line;
  const char* why;  // a part of it
};

constexpr Case kCases[] = {
    // CRIU 4.1 on Linux 6.18
    {"(01.095934) pie: 1: Error (criu/pie/util-vdso.c:117): vdso: ELF header magic mismatch", "this CRIU is too old for this kernel"},
    {"(00.072915) Error (criu/sockets.c:628): sockets: Can't get 1:16 opt: Operation not supported", "this CRIU is too old for this kernel"},
    {"(00.020412) Error (criu/uffd.c:309): uffd: Unable to open an userfaultfd descriptor: Operation not permitted", "a user namespace of its own"},
    {"(00.011345) Error (criu/proc_parse.c:822): Can't open 4242/smaps on procfs: No data available", "what memory ferry moves itself"},
    {"(00.011890) Error (criu/pie/parasite.c:588): send_fds failed (-22)", "an io_uring"},
    {"(00.013381) Error (criu/files-ext.c:98): Can't dump file 3 of that type [600] (anon anon_inode:[userfaultfd])", "a kernel object (userfaultfd) open as fd 3"},
    {"(00.013381) Error (criu/files-ext.c:98): Can't dump file 3 of that type [600] (anon anon_inode:bpf-map)", "(bpf-map)"},
    {"(00.012710) Error (criu/files-ext.c:98): Can't dump file 3 of that type [20666] (chr 10:229)", "the device 10:229 open as fd 3"},
    {"(00.010001) Error (criu/tun.c:142): tun: Net namespace is required to dump tun link", "TUN/TAP"},
    {"(00.010921) Error (criu/sk-inet.c:137): inet: Unsupported proto 262 for socket bd81b", "multipath TCP"},
    {"(00.010921) Error (criu/sk-inet.c:137): inet: Unsupported proto 132 for socket bd81b", "the protocol 132"},
    {"(00.012029) Error (criu/sockets.c:767): sockets: BUG! Unknown socket collected (family 40)", "address family 40"},
    {"(00.011503) Error (criu/sk-inet.c:153): inet: Can't dump corked dgram socket bfb01", "UDP_CORK"},
    {"(00.011503) Error (criu/sk-inet.c:185): inet: In-flight connection (l) for bfb01", "not accepted yet"},
    {"(00.012200) Error (criu/sk-unix.c:874): unix: External socket is used. Consider using --ext-unix-sk option.", "a program that stays here"},
    {"(00.031337) Error (criu/sk-unix.c:2285): unix: FATAL: Peer 773937 unresolved for 820996", "a program that stays here"},
    {"(00.013000) Error (criu/sk-netlink.c:134): netlink: The netlink socket 0xbf has more than 32 groups", "a netlink socket"},
    {"(00.013000) Error (criu/pipes.c:490): The packetized mode for pipes is not supported yet", "packet mode"},
    {"(00.012012) Error (criu/pidfd.c:95): pidfd: pidfd pid 1 is not a part of process tree..", "a pidfd of process 1"},
    {"(00.012345) Error (criu/files-reg.c:1790): Can't lookup mount=85 for fd=3 path=/qq", "/qq (fd 3)"},
    {"(00.014141) Error (criu/files-reg.c:1031): Can't dump ghost file /tmp/w/delbig of 314572800 size, increase limit", "the deleted file /tmp/w/delbig"},
    {"(00.012000) Error (criu/cr-dump.c:477): Task 2 with SysVIPC shmem map @7fd4d061a000 doesn't live in IPC ns", "SysV shared memory"},
    {"(00.008000) Warn  (compel/src/lib/infect.c:131): Unable to interrupt task: 3 (Operation not permitted)\n"
     "(00.008001) Error (criu/seize.c:1): Can't seize", "process 3 is traced"},
    {"(00.008500) Error (criu/seize.c:882): Zombies with threads are not supported", "the first thread"},
    {"(00.008500) Error (criu/seize.c:335): zombie 3 (comm python3) found while seizing", "python3 (pid 3) ended"},
    {"(00.009100) Error (criu/namespaces.c:460): Can't dump nested pid namespace for 4", "process 4 is in a pid namespace"},
    {"(00.009100) Error (criu/mount.c:1092): mnt: Mount 138 ./tmp (master_id: 42 shared_id: 0) has unreachable sharing. Try --enable-external-masters.", "a namespace of its own"},
    {"(00.020000)      2: Error (criu/pstree.c:969): Can't restore sub-task in NS (cflags 40000000)", "a namespace of its own"},
    {"(00.021000)      2: Error (criu/files-reg.c:2237): Can't link tmp/w/link_remap.15 -> tmp/w/dl: No such file or directory", "/tmp/w/dl lives on"},
    {"(00.021000)      2: Error (criu/files-reg.c:2353): Can't open file tmp/w/data on restore: No such file or directory", "/tmp/w/data is not there"},
    {"(00.021000)      2: Error (criu/files-reg.c:2175): File usr/lib/libx.so has bad size 5 (expect 10)", "/usr/lib/libx.so is another file there: 5 bytes, not 10"},
    {"(00.021000)      2: Error (criu/files-reg.c:2153): File usr/lib/libx.so has bad build-ID", "/usr/lib/libx.so is another file"},
    {"(00.021000)      2: Error (criu/pipes.c:600): Can't open fake fifo 0xe [tmp/w/fifo]: No such file or directory", "the FIFO /tmp/w/fifo"},
    {"(00.021000)      2: Error (criu/fsnotify.c:510): fsnotify: Unable to open /tmp/w/ino: No such file or directory", "watches it (inotify)"},
    {"(00.021000)      2: Error (criu/sk-inet.c:1059): inet: Can't bind inet socket (id 4): Address already in use", "another program listens"},
    {"(00.021000)      2: Error (criu/sk-inet.c:1059): inet: Can't bind inet socket (id 4): Cannot assign requested address", "does not have"},
    {"(00.021000)      2: Error (criu/tty.c:625): tty: Unable to open /dev/ptmx with specified index 3", "pseudoterminal 3 is taken"},
    {"(00.021000)      2: Error (criu/pie/restorer.c:400): Inconsistent sched params received (6.0.0)", "deadline"},
    {"(00.021000) Error (criu/cr-restore.c:1230): Can't fork for 17: File exists", "the pid 17 was taken"},
    {"(00.094465) Error (criu/files-reg.c:1122): Can't create link remap for /tmp/w/f. Use link-remap option.", "the open file /tmp/w/f lives on"},
    {"(00.114762) Error (criu/proc_parse.c:502): Unknown shit 600 (anon_inode:[io_uring])", "a kernel object (io_uring) mapped"},
    {"(00.119938) Error (criu/proc_parse.c:502): Unknown shit 100600 (/secretmem (deleted))", "a kernel object (/secretmem) mapped"},
    {"(00.069259) Error (criu/sk-unix.c:479): unix: Dangling connection 3529559", "a program that stays here"},
    {"(00.003692)      2: Error (criu/files-reg.c:2294): File tmp/w/r has bad mode 0100600 (expect 0100644)", "mode 0100600, not 0100644"},
    {"(00.003514)      2: Error (criu/sk-unix.c:1651): unix: Can't bind id 0xf ino 3549154 addr /tmp/w/s: No such file or directory", "its directory is not there"},
    {"(00.014212)      2: Error (criu/sk-unix.c:1651): unix: Can't bind id 0xf ino 3552273 addr /tmp/w/s: Address already in use", "that name is taken"},
    {"(00.004668)      2: Error (criu/pipes.c:165): Can't restore pipe size: Bad file descriptor", "another kind of file"},
    {"(00.021000) Error (criu/image.c:635): Unable to open x: No space left on device", "no room left"},
};

TEST_F(DoctorTest, KnowsWhatGoesWrong) {
  for (const auto& one : kCases) {
    const auto found = diagnose(log(std::string("(00.000100) Version: 4.2.1\n") + one.line + "\n(00.100000) Error (criu/cr-dump.c:2128): Dumping FAILED.\n"));
    EXPECT_NE(found.why.find(one.why), std::string::npos) << one.line << "\n" << found.why;
    EXPECT_FALSE(found.remedy.empty()) << one.line;
    EXPECT_EQ(found.why.find("CRIU says"), std::string::npos);
    EXPECT_EQ(found.why.find('$'), std::string::npos);
  }
  EXPECT_GE(std::size(kCases), 20u);
}

// Its cause is what counts, wherever it stands, not what it brought about.
TEST_F(DoctorTest, TheCauseIsToldNotItsEcho) {
  const auto found = diagnose(log(
      "(00.01) Error (criu/mem.c:9): Something general: Cannot allocate memory\n(00.02) Error (criu/seize.c:882): Zombies with threads are not supported\n"));
  EXPECT_NE(found.why.find("first thread"), std::string::npos);
}

TEST_F(DoctorTest, UnknownFailuresAreQuoted) {
  const auto found = diagnose(log("(00.01) Error (criu/x.c:1): rlimit: Can't setup RLIMIT_NOFILE for self\n(00.02) Error (criu/y.c:2): The moon is in the way\n"
                                  "(00.03) Error (criu/z.c:3): an echo\n"));
  EXPECT_EQ(found.why, "CRIU says: The moon is in the way");
  EXPECT_TRUE(found.remedy.empty());
  EXPECT_EQ(diagnose("/nowhere/at/all.log").why, "CRIU failed without a word");
}

// The move tries again by itself.
TEST_F(DoctorTest, WhatIsOfTheMomentIsMarkedSo) {
  EXPECT_TRUE(diagnose(log("(00.01) Error (criu/sk-inet.c:185): inet: In-flight connection (l) for bfb01\n")).transient);
  EXPECT_FALSE(diagnose(log("(00.01) Error (criu/pipes.c:490): The packetized mode for pipes is not supported yet\n")).transient);
}

// How CRIU ended, when its log does not tell why.
TEST_F(DoctorTest, EveryEndHasAReasonAndARemedy) {
  struct End {
    Event event;
    std::string text, why;
  };
  const std::string note = "(00.01) Dumping task 7\n", error = "(00.01) Error (criu/seize.c:882): Zombies with threads are not supported\n";
  for (const End& one : {End{Died{SIGKILL}, note, "was killed (signal 9)"},
                         {Died{SIGSEGV}, note, "was ended by signal 11; the last that it wrote: (00.01) Dumping task 7"},
                         {Died{127 << 8}, "criu: cannot open libc\n", "ended with status 127; the last that it wrote: criu: cannot open libc"},
                         {Died{1 << 8}, "", "ended with status 1; it wrote nothing"},
                         {Died{1 << 8}, error, "the first thread"},
                         {TimedOut{}, note, "did not come to an end in time; the last that it wrote: (00.01) Dumping task 7"},
                         {TimedOut{}, error, "the first thread"},
                         {Finished{false, 0, "no disk", 0}, note, "CRIU says: no disk"},
                         {Finished{false, 0, "Error (criu/x.c:1): no disk", 0}, note, "CRIU says: no disk"},
                         {Finished{false, 0, "Error (criu/util.c:1): Can't setup RLIMIT_NOFILE for self", 0}, note, "without a word"},
                         {Finished{false, 0, "no disk", 0}, error, "the first thread"}}) {
    const auto found = explain(one.event, log(one.text));
    EXPECT_NE(found.why.find(one.why), std::string::npos) << found.why;
    EXPECT_FALSE(found.remedy.empty()) << found.why;
  }
}

TEST_F(DoctorTest, WarningsAloneAreNoFailure) {
  EXPECT_EQ(diagnose(log("(00.01) Warn  (criu/x.c:1): something odd\n")).why, "CRIU failed without a word");
}

TEST(Symptoms, EachIsItsOwn) {
  std::set<std::string> patterns;
  for (const auto& symptom : symptoms()) EXPECT_TRUE(patterns.insert(symptom.pattern).second) << symptom.pattern;
}

}  // namespace
}  // namespace ferry::criu

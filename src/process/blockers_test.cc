// SPDX-License-Identifier: Apache-2.0
//
// Each thing is really opened, in this process or a child of it, and must be named; and what a move survives must not be.
#include "process/blockers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <mqueue.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/clock.h"
#include "base/fd.h"
#include "base/subprocess.h"
#include "process/blocker_kinds.h"

namespace ferry::process {
namespace {

Tree own_tree() { return {::getpid(), {::getpid()}}; }

std::set<std::string> own_reasons(const BlockerOptions& options = {}) {
  std::set<std::string> all;
  for (const auto& reason : find_blockers(look_at(own_tree()), options)) {
    EXPECT_FALSE(reason.why.empty()) << reason.what;
    EXPECT_FALSE(reason.remedy.empty()) << reason.what;
    all.insert(reason.what + ": " + reason.why);
  }
  return all;
}

bool any_holds(const std::set<std::string>& reasons, const std::string& text) {
  return std::ranges::any_of(reasons, [&](const std::string& reason) { return reason.find(text) != std::string::npos; });
}

// What is refused now and was not before `fd` was opened.
class Blockers : public ::testing::Test {
 protected:
  void expect_refused(const base::Fd& fd, const std::string& thing) const {
    if (!fd) GTEST_SKIP() << "this kernel has no " << thing;
    const auto now = own_reasons();
    EXPECT_TRUE(any_holds(now, fmt::format("has fd {} open on {}", fd.get(), thing)))
        << fmt::format("{}", fmt::join(now, "\n"));
  }
  void expect_fine() const {
    for (const auto& reason : own_reasons()) EXPECT_TRUE(before_.contains(reason)) << reason;
  }

 private:
  std::set<std::string> before_ = own_reasons();
};

TEST_F(Blockers, ObjectsOfTheKernel) {
  std::array<std::byte, 120> parameters{};
  expect_refused(base::Fd(static_cast<int>(::syscall(SYS_io_uring_setup, 4, parameters.data()))), "an io_uring");
  expect_refused(base::Fd(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */))),
                 "a userfaultfd");
}

TEST_F(Blockers, BpfMap) {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = 4;
  attributes.value_size = 8;
  attributes.max_entries = 1;
  expect_refused(base::Fd(static_cast<int>(::syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes))), "a BPF object");
}

TEST_F(Blockers, ForeignSockets) {
  constexpr int kMptcp = 262;
  expect_refused(base::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, kMptcp)), "a multipath TCP socket");
}

TEST_F(Blockers, SocketOfAVirtualMachine) {
  expect_refused(base::Fd(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0)), "a socket of the kind AF_VSOCK");
}

TEST_F(Blockers, Devices) {
  const auto fuse = base::try_open_file("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (!fuse) GTEST_SKIP() << "/dev/fuse cannot be opened";
  expect_refused(*fuse, "/dev/fuse");
}

TEST_F(Blockers, MemoryDevicesAreFine) {
  std::vector<base::Fd> open;
  for (const char* name : {"null", "zero", "full", "random", "urandom"}) {
    open.push_back(base::open_file(fmt::format("/dev/{}", name), O_RDONLY | O_CLOEXEC));
  }
  void* mapped = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, open[1].get(), 0);
  expect_fine();
  ::munmap(mapped, 4096);
}

TEST_F(Blockers, WhatCriuKnowsIsFine) {
  sigset_t none;
  sigemptyset(&none);
  const auto pipe = base::make_pipe();
  const auto pair = base::make_socketpair(SOCK_STREAM), datagrams = base::make_socketpair(SOCK_DGRAM);
  const base::Fd event(::eventfd(1, EFD_CLOEXEC)), timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)),
      signal(::signalfd(-1, &none, SFD_CLOEXEC)), poll(::epoll_create1(EPOLL_CLOEXEC)), watch(::inotify_init1(IN_CLOEXEC)),
      memory(::memfd_create("x", MFD_CLOEXEC)), udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
      netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0)),
      self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  auto half = base::make_socketpair(SOCK_STREAM);
  half.second.reset();
  const base::Fd lock = base::open_file("/tmp", O_RDONLY | O_CLOEXEC);
  ::flock(lock.get(), LOCK_SH);
  expect_fine();
}

TEST_F(Blockers, EventfdThatCountsTooHigh) {
  const base::Fd counter(::eventfd(0, EFD_CLOEXEC));
  const auto add = [&](uint64_t count) { ASSERT_EQ(::write(counter.get(), &count, sizeof count), static_cast<ssize_t>(sizeof count)); };
  add((1u << 31) - 1);
  expect_fine();
  add(1);
  expect_refused(counter, "an eventfd with a count");
}

TEST_F(Blockers, PidfdOfAStranger) {
  const base::Fd parent(static_cast<int>(::syscall(SYS_pidfd_open, ::getppid(), 0)));
  expect_refused(parent, "the process ");
}

TEST_F(Blockers, PipeToAStranger) {
  auto pipe = base::make_pipe();
  base::SpawnOptions options;
  options.stdin_fd = pipe.first.get();
  const auto cat = base::spawn({"cat"}, options);
  pipe.first.reset();
  expect_refused(pipe.second, "pipe:[");
  EXPECT_TRUE(any_holds(own_reasons(), fmt::format("cat (pid {}), which is no part of the workload", cat.pid())));
}

TEST_F(Blockers, PipeInPacketMode) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_DIRECT | O_CLOEXEC), 0);
  const base::Fd read(ends[0]), write(ends[1]);
  EXPECT_TRUE(any_holds(own_reasons(), "a pipe in packet mode"));
}

TEST_F(Blockers, UnixSocketToAStranger) {
  const auto pair = base::make_socketpair(SOCK_STREAM);
  base::SpawnOptions options;
  options.stdin_fd = pair.second.get();
  const auto cat = base::spawn({"cat"}, options);
  // Both ends are ours too as long as we keep the second: the connection is whole then.
  EXPECT_FALSE(any_holds(own_reasons(), fmt::format("has fd {} open on a unix socket", pair.first.get())));
  base::FdPair outside = base::make_socketpair(SOCK_STREAM);
  options.stdin_fd = outside.second.get();
  const auto other = base::spawn({"cat"}, options);
  outside.second.reset();
  expect_refused(outside.first, "a unix socket");
  EXPECT_TRUE(any_holds(own_reasons(), fmt::format("its other end belongs to cat (pid {})", other.pid())));
}

TEST_F(Blockers, UnixSocketsByName) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto name = fmt::format("ferry-blockers-{}", ::getpid());
  name.copy(address.sun_path + 1, name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  const base::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 2), 0);
  expect_fine();
  const base::Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  expect_fine();  // both ends are ours, accepted or not
}

TEST_F(Blockers, UnixSocketThatNobodyHasAcceptedYet) {
  base::FdPair told = base::make_pipe();
  base::SpawnOptions options;
  options.stdout_fd = told.second.get();
  const auto name = fmt::format("ferry-blockers-{}", ::getpid());
  const auto server = base::spawn({"python3", "-c", fmt::format("import socket,time; s=socket.socket(socket.AF_UNIX); s.bind('\\0{}'); "
                                                               "s.listen(); print('up', flush=True); time.sleep(1000)", name)}, options);
  told.second.reset();
  if (!base::wait_readable(told.first.get(), 10'000)) GTEST_SKIP() << "no python3";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, name.size());
  const base::Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::connect(client.get(), reinterpret_cast<sockaddr*>(&address), size) < 0) GTEST_SKIP() << "no python3";
  expect_refused(client, "the unix socket @" + name);
}

TEST_F(Blockers, TerminalOfAStrangerButNotAPairOfOnesOwn) {
  int master = -1, slave = -1;
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  base::Fd ours(master);
  const base::Fd terminal(slave);
  expect_fine();
  ours.reset();
  EXPECT_TRUE(any_holds(own_reasons(), fmt::format("has fd {} open on the terminal", terminal.get())));
}

TEST_F(Blockers, MessageQueue) {
  const auto name = fmt::format("/ferry-blockers-{}", ::getpid());
  const base::Fd queue(::mq_open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600, nullptr));
  ::mq_unlink(name.c_str());
  expect_refused(queue, "the POSIX message queue " + name);
}

TEST_F(Blockers, DeletedFileThatIsTooLarge) {
  char path[] = "/tmp/ferry-blockers-XXXXXX";
  const base::Fd file(::mkostemp(path, O_CLOEXEC));
  ::unlink(path);
  expect_fine();
  constexpr off_t kTooMuch = 257 << 20;
  if (::fallocate(file.get(), 0, 0, kTooMuch) < 0) GTEST_SKIP() << "no room in /tmp";
  expect_refused(file, path);
  EXPECT_TRUE(any_holds(own_reasons(), "at most 256"));
}

TEST_F(Blockers, FileThatLivesOnUnderAnotherName) {
  char path[] = "/tmp/ferry-blockers-XXXXXX";
  const base::Fd file(::mkostemp(path, O_CLOEXEC));
  const std::string other = std::string(path) + ".link";
  ASSERT_EQ(::link(path, other.c_str()), 0);
  expect_fine();
  ::unlink(path);
  expect_refused(file, path);
  ::unlink(other.c_str());
  expect_fine();
}

// As programs do that write FILE.new and call it FILE.
TEST_F(Blockers, FileThatIsRenamedOrClosedAfterALookIsFine) {
  char path[] = "/tmp/ferry-renamed-XXXXXX";
  base::Fd file(::mkostemp(path, O_CLOEXEC));
  ASSERT_TRUE(file);
  const View view = look_at(own_tree());
  const std::string other = std::string(path) + "-other";
  ASSERT_EQ(::rename(path, other.c_str()), 0);
  const auto expect_nothing_of_it = [&] {
    for (const auto& reason : find_blockers(view, {})) EXPECT_EQ(reason.what.find(path), std::string::npos) << reason.what << reason.why;
  };
  expect_nothing_of_it();
  ::unlink(other.c_str());
  file.reset();
  expect_nothing_of_it();
}

TEST_F(Blockers, LockThatAStrangerHasToo) {
  char path[] = "/tmp/ferry-blockers-XXXXXX";
  const base::Fd file(::mkostemp(path, O_CLOEXEC));
  ASSERT_EQ(::flock(file.get(), LOCK_SH), 0);
  expect_fine();  // ours alone
  base::FdPair told = base::make_pipe();
  base::SpawnOptions options;
  options.stdout_fd = told.second.get();
  const auto stranger = base::spawn({"flock", "--shared", "--no-fork", path, "sh", "-c", "echo locked; exec sleep 1000"}, options);
  told.second.reset();
  ASSERT_TRUE(base::wait_readable(told.first.get(), 10'000));
  expect_refused(file, fmt::format("{}, and locks it", path));
  EXPECT_TRUE(any_holds(own_reasons(), fmt::format("(pid {}), which stays here, has a lock on that file too", stranger.pid())));
  ::unlink(path);
}

TEST_F(Blockers, SysVIpc) {
  const int memory = ::shmget(IPC_PRIVATE, 4096, 0600), set = ::semget(IPC_PRIVATE, 2, 0600);
  ASSERT_GE(memory, 0);
  ASSERT_GE(set, 0);
  expect_fine();  // nobody has used them yet
  const void* attached = ::shmat(memory, nullptr, 0);
  sembuf up{1, 1, 0};
  ::semop(set, &up, 1);
  const auto reasons = own_reasons();
  ::shmctl(memory, IPC_RMID, nullptr);
  ::semctl(set, 0, IPC_RMID);
  EXPECT_TRUE(any_holds(reasons, fmt::format("has the SysV shared memory {} attached", memory)));
  EXPECT_TRUE(any_holds(reasons, fmt::format("uses the SysV semaphores {}", set)));
  ::shmdt(attached);
}

TEST(OpenThings, OneReasonForOneThing) {
  OpenThings things;
  const Task first{10, "sh", {}, {}}, second{11, "sh", {}, {}}, third{12, "sh", {}, {}};
  for (const auto* task : {&first, &second, &third}) {
    things.add(*task, 1, "the terminal", "why", "remedy");
    things.add(*task, 0, "the terminal", "why", "remedy");
  }
  Reasons reasons;
  things.move_to(reasons);
  ASSERT_EQ(reasons.size(), 1u);
  EXPECT_EQ(reasons[0].what, "sh (pid 10) has fds 0, 1 open on the terminal (2 more of its processes too)");
}

TEST(BlockersOfATask, StoppedByATracer) {
  // The child is traced by us from its first instruction on: it stops at exec until we let it go.
  const auto child = base::spawn({"sleep", "1000"});
  ASSERT_EQ(::syscall(SYS_ptrace, 0x4206 /* PTRACE_SEIZE */, child.pid(), 0, 0), 0);
  const auto reasons = find_blockers(look_at({child.pid(), {child.pid()}}), {});
  const auto found = std::ranges::find_if(reasons, [](const Reason& one) { return one.what.find("is traced by") != std::string::npos; });
  ASSERT_NE(found, reasons.end());
  EXPECT_NE(found->what.find(fmt::format("(pid {}) is traced by unit_tests (pid {})", child.pid(), ::getpid())), std::string::npos);
}

// The shell is the only one in the tree; its session is another's.
TEST(BlockersOfATask, SessionOfAnother) {
  const auto child = base::spawn({"sh", "-c", "setsid sh -c 'sleep 1000 & wait' & wait"});
  const auto first_below = [](pid_t pid) {
    const auto deadline = base::mono_now() + std::chrono::seconds(5);
    std::vector<pid_t> children;
    while ((children = kernel::children_of(pid)).empty() && base::mono_now() < deadline) ::usleep(1000);
    return children.empty() ? 0 : children[0];
  };
  const pid_t leader = first_below(child.pid()), member = first_below(leader);
  ASSERT_GT(member, 0);
  const auto is_told = [](const Tree& tree) {
    return std::ranges::any_of(find_blockers(look_at(tree), {}), [](const Reason& one) { return one.what.find("whose leader has ended") != std::string::npos; });
  };
  EXPECT_FALSE(is_told({child.pid(), {child.pid(), leader, member}}));
  EXPECT_TRUE(is_told({child.pid(), {child.pid(), member}}));
  for (const pid_t pid : {member, leader}) ::kill(pid, SIGKILL);
}

TEST(BlockersOfATask, StartedBySupervisord) {
  // Its own name is what counts, as of the real one, which is a Python script.
  const auto supervisor = base::spawn({"bash", "-c", "exec -a /usr/bin/supervisord bash -c 'sleep 1000 & wait'"});
  const auto deadline = base::mono_now() + std::chrono::seconds(5);
  std::vector<pid_t> children;
  while ((children = kernel::children_of(supervisor.pid())).empty() && base::mono_now() < deadline) ::usleep(1000);
  ASSERT_EQ(children.size(), 1u);
  const View view = look_at({children[0], {children[0]}});
  const auto is_told = [&](const BlockerOptions& options) {
    return std::ranges::any_of(find_blockers(view, options), [](const Reason& one) { return one.what.ends_with("belongs to supervisord"); });
  };
  EXPECT_TRUE(is_told({}));
  EXPECT_FALSE(is_told({.ours = true}));
  ::kill(children[0], SIGKILL);
}

TEST(BlockersOfATask, ConnectionsOnTheHostsAddress) {
  const base::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  const auto has_reason = [](const BlockerOptions& options) { return any_holds(own_reasons(options), "does not move with it"); };
  EXPECT_FALSE(has_reason({})) << "one that listens only can move";
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_TRUE(has_reason({}));
  EXPECT_FALSE(has_reason({.own_network = true}));
  EXPECT_TRUE(has_reason({.address = "10.77.0.50"})) << "that is another one";
  EXPECT_FALSE(has_reason({.tcp = TcpPolicy::kClose}));
  for (const bool own_network : {false, true}) {
    EXPECT_TRUE(any_holds(own_reasons({.own_network = own_network, .tcp = TcpPolicy::kRefuse}), "--tcp refuse"));
  }
}

}  // namespace
}  // namespace ferry::process

// SPDX-License-Identifier: Apache-2.0
//
// This process as the workload and this host as the target: all is there. Then one thing after the other is made to differ.
#include "migration/requirements.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "files/fingerprint.h"
#include "process/listeners.h"

namespace ferry::migration {
namespace {

// What check_requirements() wants to see of any host, without a CRIU to be found (that one has its own reason).
wire::Requirements of_this_host() {
  wire::Requirements needed;
  utsname names{};
  ::uname(&names);
  needed.set_machine(names.machine);
  needed.set_kernel_release(names.release);
  needed.set_criu_version("0.1");
  needed.set_real_ns(base::real_ns());
  return needed;
}

Findings check(const wire::Requirements& needed) {
  auto findings = check_requirements(needed);
  std::erase_if(findings.reasons, [](const process::Reason& reason) { return reason.what.find("CRIU") != std::string::npos; });
  return findings;
}

void expect_one(const wire::Requirements& needed, const std::string& what, const std::string& why = {}) {
  const auto reasons = check(needed).reasons;
  ASSERT_EQ(reasons.size(), 1u) << (reasons.empty() ? "" : text_of(reasons[0]));
  EXPECT_NE(reasons[0].what.find(what), std::string::npos) << reasons[0].what;
  EXPECT_NE(reasons[0].why.find(why), std::string::npos) << reasons[0].why;
  EXPECT_FALSE(reasons[0].remedy.empty());
}

TEST(Requirements, NothingIsMissingOnTheHostItself) {
  const auto findings = check(of_this_host());
  EXPECT_TRUE(findings.reasons.empty()) << text_of(findings.reasons[0]);
  EXPECT_TRUE(findings.warnings.empty());
}

TEST(Requirements, AnotherMachineOrAnOlderKernel) {
  auto needed = of_this_host();
  needed.set_machine("s390x");
  expect_one(needed, "this host is", "s390x");
  needed = of_this_host();
  needed.set_kernel_release("99.1.0-rc1");
  EXPECT_TRUE(check(needed).reasons.empty());
  EXPECT_EQ(check(needed).warnings.size(), 1u);
}

TEST(Requirements, CpuFeatures) {
  auto needed = of_this_host();
  needed.add_cpu_features("avx4096");
  needed.set_cpu_model("Tomorrow");
  expect_one(needed, "the CPU lacks avx4096", "Tomorrow");
}

TEST(Requirements, Files) {
  const auto own = files::fingerprint_of("/proc/self/exe");
  ASSERT_TRUE(own);
  auto needed = of_this_host();
  auto& file = *needed.add_files();
  file.set_path(std::filesystem::read_symlink("/proc/self/exe").string());
  file.set_size(own->size);
  file.set_build_id(own->build_id);
  file.set_sample_hash(own->sample_hash);
  EXPECT_TRUE(check(needed).reasons.empty());
  file.set_size(own->size + 1);
  expect_one(needed, "another file here: " + file.path(), "own version");
  file.set_size(own->size);
  file.set_build_id("0123");
  expect_one(needed, "another file here: " + file.path());
  file.set_path("/nowhere/libx.so");
  expect_one(needed, "missing: /nowhere/libx.so", "do not travel");
  for (int i = 0; i < 20; ++i) needed.add_files()->set_path(fmt::format("/nowhere/{}", i));
  expect_one(needed, "and 13 more");
}

TEST(Requirements, FilesThatTravelDoNotMeetOthers) {
  char path[] = "/tmp/ferry-requirements-XXXXXX";
  const base::Fd file(::mkostemp(path, O_CLOEXEC));
  base::write_full(file.get(), "an earlier part");
  auto needed = of_this_host();
  auto& coming = *needed.add_carried();
  coming.set_path(path);
  coming.set_size(21);
  coming.set_head("an earlier part of it");
  EXPECT_TRUE(check(needed).reasons.empty());
  coming.set_head("quite another content");
  expect_one(needed, fmt::format("will not overwrite {}", path), "another file is there already");
  EXPECT_TRUE(check_requirements(needed, {path}).reasons.size() == check_requirements(of_this_host()).reasons.size()) << "its own of an earlier stay";
  coming.set_size(5);
  coming.set_head("an ea");
  expect_one(needed, "will not overwrite", "");  // longer than what comes
  ::unlink(path);
  EXPECT_TRUE(check(needed).reasons.empty());
}

TEST(Requirements, Places) {
  auto needed = of_this_host();
  needed.add_directories("/tmp");
  needed.add_special_files("/dev/null");
  EXPECT_TRUE(check(needed).reasons.empty());
  needed.add_directories("/dev/null");
  expect_one(needed, "no directory /dev/null");
  needed = of_this_host();
  needed.add_special_files("/dev/nothing");
  expect_one(needed, "missing: /dev/nothing");
}

TEST(Requirements, RoomIsAddedUpByFilesystem) {
  auto needed = of_this_host();
  const uint64_t free_bytes = std::filesystem::space("/tmp").available;
  const auto ask = [&](const char* directory, uint64_t bytes) {
    needed.add_room()->set_directory(directory);
    needed.mutable_room(needed.room_size() - 1)->set_bytes(bytes);
  };
  ask("/tmp", free_bytes / 4);
  EXPECT_TRUE(check(needed).reasons.empty());
  ask("/tmp/does/not/exist/yet", free_bytes);
  expect_one(needed, "not enough room in /tmp", "are needed");
}

TEST(Requirements, MemoryAndTime) {
  auto needed = of_this_host();
  needed.set_memory_bytes(1ull << 60);
  expect_one(needed, "not enough memory");
  needed = of_this_host();
  needed.set_real_ns(base::real_ns() - 10'000'000'000);
  const auto findings = check(needed);
  EXPECT_TRUE(findings.reasons.empty());
  ASSERT_EQ(findings.warnings.size(), 1u);
  EXPECT_NE(findings.warnings[0].find("10.0 s ahead"), std::string::npos) << findings.warnings[0];
}

TEST(Requirements, Ports) {
  const base::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  const auto listeners = process::listeners_of(process::look_at({::getpid(), {::getpid()}}));
  const auto found = std::ranges::find_if(listeners, [&](const auto& one) { return one.fd == listener.get(); });
  ASSERT_NE(found, listeners.end());
  auto needed = of_this_host();
  auto& port = *needed.add_ports();
  port.set_address(found->address);
  port.set_port(found->port);
  expect_one(needed, fmt::format("TCP port {} of 0.0.0.0 is taken", found->port));
  port.set_udp(true);
  EXPECT_TRUE(check(needed).reasons.empty());
  port.set_address("192.0.2.7");  // for documentation only: nobody has it
  expect_one(needed, "cannot be", "does not have that address");
}

TEST(Requirements, NumbersOfTerminals) {
  int master = -1, slave = -1;
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  const base::Fd first(master), second(slave);
  const std::string name = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", slave)).string();
  auto needed = of_this_host();
  needed.add_terminals(static_cast<uint32_t>(std::stoul(name.substr(name.rfind('/') + 1))));
  expect_one(needed, "taken: " + name);
}

TEST(Requirements, ARefusalTellsAllReasons) {
  EXPECT_NO_THROW(refuse_if_any("web", {}));
  try {
    refuse_if_any("web", {{"a", "b", "c"}, {"d", "e", ""}});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.exit(), base::Exit::kRefused);
    EXPECT_EQ(error.explanation().what, "cannot move web");
    EXPECT_EQ(error.explanation().why, "there are 2 reasons\n    - a: b\n      to do: c\n    - d: e");
  }
}

}  // namespace
}  // namespace ferry::migration

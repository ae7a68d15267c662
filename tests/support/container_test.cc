// SPDX-License-Identifier: Apache-2.0
#include "support/container_test.h"

#include <fmt/format.h>

#include <cstdlib>
#include <sstream>

#include "bench/docker_scripts.h"

namespace ferry::testing {

// A lab's hosts are below the cgroup of whoever starts it.
std::string why_no_controllers() {
  const std::string own = base::read_file("/proc/self/cgroup");
  constexpr std::string_view kV2Alone = "0::";
  if (!own.starts_with(kV2Alone)) return "this machine has cgroup v1";
  const auto given = base::try_read_file("/sys/fs/cgroup" + own.substr(kV2Alone.size(), own.find('\n') - kV2Alone.size()) +
                                         "/cgroup.subtree_control");
  for (const char* controller : {"cpu", "memory", "pids"}) {
    const bool has = given && (" " + *given).find(fmt::format(" {}", controller)) != std::string::npos;
    if (!has) return fmt::format("the cgroup of this test hands on no controller \"{}\"", controller);
  }
  return {};
}

base::Path crun_layer() { return bench::crun_layer(FERRY_BINARY_DIR); }

int ContainerTest::looper_lines(const std::string& text, std::optional<int> first) {
  std::istringstream stream(text);
  int expected = 0, count = 0;
  std::string identity;
  for (std::string line; std::getline(stream, line); ++count, ++expected) {
    if (count == 0) {
      expected = first.value_or(std::atoi(line.c_str()));
      identity = line.substr(std::min(line.find(' '), line.size()));
    }
    if (line != fmt::format("{:04}{}", expected, identity)) return -1;
  }
  return count;
}

void ContainerTest::expect_refused(const std::string& what, const std::string& host, const std::string& words) const {
  for (const char* verb : {"check", "move"}) {
    const auto result = ferry("east", {verb, what, "root@" + host});
    EXPECT_EQ(result.status, 3) << verb << " " << what << result.out << result.err;
    EXPECT_NE((result.out + result.err).find(words), std::string::npos) << verb << " " << what << ": " << result.out << result.err;
  }
}

void ContainerTest::a_service_address_goes_along(const std::string& what, const std::function<void()>& start) const {
  constexpr const char *kService = "fd00:77::50", *kOnInterface = "fd00:77::50/64";
  if (lab_->shell("east", fmt::format("ip addr add {} dev br0 nodad", kOnInterface)).status != 0) GTEST_SKIP() << "no IPv6 on this machine";
  start();
  const auto hosts_with_it = [&] {
    std::string hosts;
    for (const char* host : {"east", "west"}) {
      if (lab_->shell(host, fmt::format("ip -o addr | grep -q ' {} '", kOnInterface)).status == 0) hosts += host;
    }
    return hosts;
  };
  Connection open(*lab_, "north", kService, kPort);
  EXPECT_EQ(open.next(), 1);
  EXPECT_EQ(ferry("east", {"move", what, "root@west", "--address", kService}, "source.restored=fail").status, 1);
  EXPECT_EQ(open.next(), 2);
  EXPECT_EQ(hosts_with_it(), "east");
  int last = 2;
  for (const auto& [from, to] : {std::pair("east", "west"), std::pair("west", "east")}) {
    EXPECT_FALSE(move(what, from, to, {"--address", kService}).is_null());
    EXPECT_EQ(open.next(), ++last) << to;
    EXPECT_EQ(hosts_with_it(), to);
  }
  for (const char* host : {"east", "west"}) lab_->shell(host, fmt::format("ip addr del {} dev br0", kOnInterface));
}

}  // namespace ferry::testing

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

}  // namespace ferry::testing
